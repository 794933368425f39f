// What a tile fetches while it multiplies, and how blocks and rows are spread over tiles.

constexpr ptrdiff_t kLine = 64;  // bytes of a cache line

// Memory that is wanted soon. A tile brings it in meanwhile, for every four steps of k a line from each place: what a
// product streams from farther away would hold it up, and the processor foresees no jump to another block.
struct Ahead {
  struct Place {
    const void* at = nullptr;
    ptrdiff_t step = kLine;  // bytes
    ptrdiff_t panel = 0;     // bytes from one panel of a to the next, for kRows
  };
  Place read;             // into L2
  Place written[2];       // for kColumns, into L2
  const void* next_rows;  // for kRows, into L1: where the rows of the next tile begin
};

// Spreads a block (depth, kPanel) that is wanted after `tiles` tiles as deep over these tiles: what each brings in of
// it. Lines beyond the block are wanted later than they would stay in L2, or never.
template <typename T>
class Slices {
 public:
  explicit Slices(int tiles) : step_(tiles <= kMost / kLine ? kLine : (kMost + tiles - 1) / tiles) {}

  Ahead::Place slice(const T* block, int depth, int tile) const {
    const char* const at = reinterpret_cast<const char*>(block);
    return {.at = at + tile * (depth / 4) * step_, .step = step_, .panel = kPanel<T> / 4 * step_};
  }

 private:
  static constexpr int kMost = 4 * kPanel<T> * static_cast<int>(sizeof(T));  // the whole block by one tile
  ptrdiff_t step_;
};

constexpr int kIntoL2 = 2;  // of __builtin_prefetch

inline void fetch_into_l2([[maybe_unused]] const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address, 0, kIntoL2);
#endif
}

// Has lines that are in this core's caches handed over for writing where another core has read them, which fetching
// them does not: a store to one waits for the other core, 20 to 80 ns where that is far away. What is there is stored
// once more, early enough that the wait is over when the line is wanted. For what no other thread reads or writes
// meanwhile.
template <typename T>
inline void take_over(T* first, T* end) {
  for (; first < end; first += kLine / static_cast<ptrdiff_t>(sizeof(T))) {
    volatile T* const value = first;
    *value = *value;
  }
}

inline void fetch_into_l1([[maybe_unused]] const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#endif
}

// So many bytes into L1; returns where they end.
template <ptrdiff_t kBytes>
inline const char* fetch_lines(const char* first) {
#pragma GCC unroll 4
  for (ptrdiff_t byte = 0; byte < kBytes; byte += kLine) fetch_into_l1(first + byte);
  return first + kBytes;
}

// All at once: for products that have no tiles.
inline void fetch_rows(const UpcomingRows& rows) {
  for (int r = 0; r < rows.count; ++r) {
    const char* const row = rows.data + rows.order[r] * rows.row_bytes;
    for (ptrdiff_t byte = 0; byte < rows.row_bytes; byte += kLine) fetch_into_l2(row + byte);
    fetch_into_l2(row + rows.row_bytes - 1);  // where rows do not begin with a line
  }
}

// Goes through rows in pieces, each of which one tile brings in: all at once would fill the queue that the tile's own
// loads need.
class Pieces {
 public:
  explicit Pieces(const UpcomingRows& rows) : rows_(rows) {}

  bool done() const { return rows_.count == 0; }

  // What so many prefetches reach of the row, or an even part of it.
  Ahead::Place next(int prefetches) {
    if (prefetches == 0) return {};
    const ptrdiff_t reach = kLine * prefetches;
    const ptrdiff_t pieces = (rows_.row_bytes + reach - 1) / reach;
    const ptrdiff_t step = (rows_.row_bytes + pieces * prefetches - 1) / (pieces * prefetches);
    const char* const at = rows_.data + *rows_.order * rows_.row_bytes + done_;
    done_ += step * prefetches;
    if (done_ >= rows_.row_bytes) {
      done_ = 0;
      ++rows_.order;
      --rows_.count;
    }
    return {.at = at, .step = step};
  }

 private:
  UpcomingRows rows_;
  ptrdiff_t done_ = 0;  // bytes of the first row
};
