// The caller's rows, of any numeric type, into panels, converted to the network's dtype on the way.

template <typename T, typename Source>
inline void convert(const Source* from, T* to, int count) {
  for (int i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
}

// At least `count` elements of a panel. In whole vectors where that can be: a vector that is loaded soon after single
// elements of it were stored has to wait for them.
template <typename T, typename Source>
inline void convert_first(int count, const Source* from, T* to) {
  convert(from, to, count);
}
template <typename T>
inline void convert_first(int count, const T* from, T* to) {
  using V = Vec<T>;
  int i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) V::load(from + i).store(to + i);
  if (i + 1 == count) {  // such as a single target: a vector there may lie in two lines, of which one is far away
    first(1, V::set(from[i]), V::zero()).store(to + i);
  } else if (i < count) {
    load_first(count - i, from + i).store(to + i);
  }
}

template <typename T, typename Source>
inline void convert_panel(const Source* from, T* to) {
  convert(from, to, kPanel<T>);
}
template <typename T>
inline void convert_panel(const T* from, T* to) {
  for (int i = 0; i < kPanel<T>; i += Vec<T>::kLanes) Vec<T>::load(from + i).store(to + i);
}

// Shuffled rows lie anywhere in memory: each is asked for while the rows before it are copied, and into L2, since some
// processors drop what is to come into L1 where many lines are under way.
template <typename T, typename Source>
void gather_rows(const Source* source, int width, const RowSequence& sequence, Range rows, Panels<T> to) {
  constexpr int kP = kPanel<T>;
  constexpr int kElements = kLine / static_cast<int>(sizeof(Source));  // of a cache line
  // A core keeps some 16 to 64 lines under way, 1 to 4 KiB; twice that hides the latency of memory.
  constexpr int kAhead = 8192 / static_cast<int>(sizeof(Source));
  const auto row = [&](int r) { return source + sequence[r] * width; };
  const auto row_ahead = [&](int r, int ahead) { return row(sequence.has(r + ahead) ? r + ahead : r); };
  if (width <= min_of(kElements, kP)) {  // each takes a line of its own, or two
    for (int r = rows.begin; r < rows.end; ++r) {
      const Source* const coming = row_ahead(r, kAhead / kElements);
      fetch_into_l2(coming);
      fetch_into_l2(coming + width - 1);
      convert_first(width, row(r), to.data + static_cast<ptrdiff_t>(r) * kP);
    }
    return;
  }
  // Several rows panel by panel: to write a line or two of each panel, whose places in the first-level cache are the
  // same, takes longer than to read the row.
  constexpr int kTogether = 4;
  const int ahead = width > kAhead / kTogether ? kTogether : (kAhead + width - 1) / width;
  for (int first = rows.begin; first < rows.end; first += kTogether) {
    const int count = min_of(kTogether, rows.end - first);
    const Source *from[kTogether], *coming[kTogether];
    for (int i = 0; i < count; ++i) {
      from[i] = row(first + i);
      coming[i] = row_ahead(first + i, ahead);
      fetch_into_l2(coming[i] + width - 1);  // where rows do not begin with a line
    }
    for (int c = 0; c < width; c += kP) {
      const int columns = min_of(kP, width - c);
      T* out = to.panel(c / kP) + static_cast<ptrdiff_t>(first) * kP;
      for (int i = 0; i < count; ++i, out += kP) {
        for (int line = 0; line < columns; line += kElements) fetch_into_l2(coming[i] + c + line);
        if (columns == kP) {
          convert_panel(from[i] + c, out);
        } else {
          convert_first(columns, from[i] + c, out);
        }
      }
    }
  }
}

template <typename T>
void gather(const Numbers& numbers, int width, const RowSequence& sequence, Range rows, Panels<T> to) {
  const auto from = [&](auto tag) {
    gather_rows(static_cast<const decltype(tag)*>(numbers.data), width, sequence, rows, to);
  };
  switch (numbers.type) {
    case ElementType::kFloat32:
      return from(float{});
    case ElementType::kFloat64:
      return from(double{});
    case ElementType::kInt8:
      return from(int8_t{});
    case ElementType::kUint8:
      return from(uint8_t{});
    case ElementType::kInt16:
      return from(int16_t{});
    case ElementType::kUint16:
      return from(uint16_t{});
    case ElementType::kInt32:
      return from(int32_t{});
    case ElementType::kUint32:
      return from(uint32_t{});
  }
}
