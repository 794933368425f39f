// Blocks of matrices moved to where they lie better.

// turn() for fewer rows than lanes, or fewer columns than are transposed at once.
template <typename T>
inline void turn_few(const T* source, ptrdiff_t source_stride, int rows, int columns, T* destination,
                     ptrdiff_t destination_stride) {
  constexpr int kLanes = Vec<T>::kLanes;
  for (int r = 0; r < rows; r += kLanes) {
    for (int c = 0; c < columns; c += kLanes) {
      const int height = min_of(kLanes, rows - r), width = min_of(kLanes, columns - c);
      const T* const from = source + r * source_stride + c;
      T* const to = destination + c * destination_stride + r;
      alignas(64) T block[kLanes * kLanes];
      alignas(64) T turned[kLanes * kLanes];
      for (int i = 0; i < height; ++i) load_first(width, from + i * source_stride).store(block + i * kLanes);
      for (int i = height; i < kLanes; ++i) Vec<T>::zero().store(block + i * kLanes);
      transpose(block, kLanes, turned, kLanes);
      for (int i = 0; i < width; ++i)
        store_first(height, Vec<T>::load(turned + i * kLanes), to + i * destination_stride);
    }
  }
}

// destination(c, r) = source(r, c), (rows, columns) at source; nothing beyond either is touched: where fewer rows or
// columns are left than are transposed at once, some of those before are again.
template <typename T>
inline void turn(const T* source, ptrdiff_t source_stride, int rows, int columns, T* destination,
                 ptrdiff_t destination_stride) {
  constexpr int kLanes = Vec<T>::kLanes, kColumns = kTransposed<T>;
  if (rows < kLanes || columns < kColumns) {
    return turn_few(source, source_stride, rows, columns, destination, destination_stride);
  }
  for (int i = 0; i < rows; i += kLanes) {
    const int r = min_of(i, rows - kLanes);
    for (int j = 0; j < columns; j += kColumns) {
      const int c = min_of(j, columns - kColumns);
      transpose_columns(source + r * source_stride + c, source_stride, destination + c * destination_stride + r,
                        destination_stride);
    }
  }
}

// Rows to where they have another stride.
template <typename T>
inline void copy_rows(const T* source, ptrdiff_t source_stride, int rows, int columns, T* destination,
                      ptrdiff_t destination_stride) {
  constexpr int kLanes = Vec<T>::kLanes;
  for (int r = 0; r < rows; ++r) {
    const T* const from = source + r * source_stride;
    T* const to = destination + r * destination_stride;
    int c = 0;
    for (; c + kLanes <= columns; c += kLanes) Vec<T>::load(from + c).store(to + c);
    if (c < columns) store_first(columns - c, load_first(columns - c, from + c), to + c);
  }
}
