// The micro-kernel over operands that lie anywhere: rows and columns of the caller's matrices, or copies of them.

// c(r, c) += Σ_k a(r, k) · b(k, c), a(r, k) at r·a_stride + k for Orientation::kRows, at k·a_stride + r for kColumns.
template <typename T>
struct StridedTile {
  const T* a;
  ptrdiff_t a_stride;
  const T* b;
  ptrdiff_t b_stride;
  T* b_copy;  // (k, columns of the tile), where b goes on the way
  T* c;
  ptrdiff_t c_stride;
  int k;
  int panels = 1;   // tiles of the same rows, each beside the one before in b and c
  bool fresh;       // chains start at 0, not at c
  const T* next_c;  // of the next tile, which is fetched; null: none
  const T* next_a;  // likewise, for kRows, the beginnings of its rows; with next_c
};

// Pointers to every third row of a: x86 addresses p, p + stride and p + 2 stride with two registers.
template <typename T>
struct RowPointers {
  const T *a0, *a3, *a6, *a9, *a12;
};

// Steps from one that copies a row of b to the one whose row it fetches: rows so far apart no processor foresees.
constexpr int kCopyAhead = 8;

// sum(r, c) += a(r, p) · b(p, c)
template <typename T, Orientation orientation, bool kCopies, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_step(Vec<T> (&sum)[kRows][kVectors], const RowPointers<T>& a,
                                                 ptrdiff_t stride, int p, const T* b,
                                                 [[maybe_unused]] ptrdiff_t b_stride, [[maybe_unused]] T* b_copy) {
  using V = Vec<T>;
  static_assert(kRows <= 15);
  V column[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    column[v] = V::load(b + v * V::kLanes);
    if constexpr (kCopies) {
      fetch_into_l1(b + kCopyAhead * b_stride + v * V::kLanes);
      column[v].store(b_copy + v * V::kLanes);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const T* const from = r < 3 ? a.a0 : r < 6 ? a.a3 : r < 9 ? a.a6 : r < 12 ? a.a9 : a.a12;
    const V row = V::set(orientation == Orientation::kRows ? from[r % 3 * stride + p] : a.a0[p * stride + r]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = accumulate(sum[r][v], row, column[v]);
  }
}

template <typename T, Orientation orientation, int kRows>
[[gnu::always_inline]] inline void advance(RowPointers<T>& a, ptrdiff_t stride, int steps) {
  if constexpr (orientation == Orientation::kColumns) {
    a.a0 += steps * stride;
  } else {
    hide_origin(a.a0 += steps);
    if constexpr (kRows > 3) hide_origin(a.a3 += steps);
    if constexpr (kRows > 6) hide_origin(a.a6 += steps);
    if constexpr (kRows > 9) hide_origin(a.a9 += steps);
    if constexpr (kRows > 12) hide_origin(a.a12 += steps);
  }
}

// One of the tile's panels.
template <typename T, Orientation orientation, bool kCopies, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_strided_panel(const StridedTile<T>& tile, const T* b, T* const first_c) {
  using V = Vec<T>;
  V sum[kRows][kVectors];
  const ptrdiff_t c_stride = tile.c_stride;
  T* c = first_c;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, c += c_stride) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = tile.fresh ? V::zero() : V::load(c + v * V::kLanes);
  }
  const ptrdiff_t stride = tile.a_stride, b_stride = tile.b_stride;
  T* b_copy = tile.b_copy;
  RowPointers<T> a = {tile.a, tile.a + 3 * stride, tile.a + 6 * stride, tile.a + 9 * stride, tile.a + 12 * stride};
  constexpr int kCopyStep = kVectors * V::kLanes;
  const auto two_steps = [&]() __attribute__((always_inline)) {
    multiply_step<T, orientation, kCopies>(sum, a, stride, 0, b, b_stride, b_copy);
    multiply_step<T, orientation, kCopies>(sum, a, stride, 1, b + b_stride, b_stride, b_copy + kCopyStep);
    b += 2 * b_stride;
    if constexpr (kCopies) b_copy += 2 * kCopyStep;
    advance<T, orientation, kRows>(a, stride, 2);
  };
  int left = tile.k;
  // GCC makes vectors of single lanes only where nothing is fetched among them.
  constexpr bool kFetches = V::kLanes > 1;
  if (kFetches && tile.next_c) {
    const T* next_c = tile.next_c;
    [[maybe_unused]] const T* next_a = tile.next_a;
    constexpr int kEarly = 48;  // steps: later would be too late, and earlier L1 would have lost it again
    for (; left >= 2 * kRows + kEarly; left -= 2) two_steps();
    for (int r = 0; r < kRows && left >= 2; ++r, left -= 2) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) fetch_into_l1(next_c + v * V::kLanes);
      next_c += c_stride;
      if constexpr (orientation == Orientation::kRows) {
        fetch_into_l1(next_a);
        fetch_into_l1(next_a + kLine / static_cast<ptrdiff_t>(sizeof(T)));
        next_a += stride;
      }
      two_steps();
    }
  }
  for (; left >= 2; left -= 2) two_steps();
  if (left > 0) multiply_step<T, orientation, kCopies>(sum, a, stride, 0, b, b_stride, b_copy);
  hide_origin(c = first_c);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, c += c_stride) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v].store(c + v * V::kLanes);
  }
}

template <typename T, Orientation orientation, bool kCopies, int kRows, int kVectors>
void multiply_strided(const StridedTile<T>& tile) {
  constexpr int kWidth = kVectors * Vec<T>::kLanes;
  const T* b = tile.b;
  T* c = tile.c;
  for (int left = tile.panels;; b += kWidth, c += kWidth) {
    multiply_strided_panel<T, orientation, kCopies, kRows, kVectors>(tile, b, c);
    if (--left == 0) return;
  }
}

template <typename T>
using StridedTileFunction = void (*)(const StridedTile<T>&);

// Of one orientation.
template <typename T>
struct StridedTileFunctions {
  static constexpr int kMaxVectors = GemmTileLimits::kMaxVectors;
  static constexpr int kWidestRows = GemmTileLimits::kMaxRows[kMaxVectors - 1];
  StridedTileFunction<T> multiply[kMaxVectors][GemmTileLimits::kMaxRows[0]] = {};  // by vectors and rows, each less one
  StridedTileFunction<T> multiply_and_copy[kMaxVectors] = {};  // of kWidestRows, by vectors less one

  template <Orientation orientation, int kVectors = 1, int kRows = 1>
  constexpr void fill() {
    multiply[kVectors - 1][kRows - 1] = multiply_strided<T, orientation, false, kRows, kVectors>;
    if constexpr (kRows == kWidestRows) {
      multiply_and_copy[kVectors - 1] = multiply_strided<T, orientation, true, kRows, kVectors>;
    }
    if constexpr (kRows < GemmTileLimits::kMaxRows[kVectors - 1]) {
      fill<orientation, kVectors, kRows + 1>();
    } else if constexpr (kVectors < kMaxVectors) {
      fill<orientation, kVectors + 1>();
    }
  }
};

template <typename T, Orientation orientation>
constexpr StridedTileFunctions<T> strided_tiles() {
  StridedTileFunctions<T> functions;
  functions.template fill<orientation>();
  return functions;
}

template <typename T>
constexpr StridedTileFunctions<T> kStridedTiles[] = {strided_tiles<T, Orientation::kRows>(),
                                                     strided_tiles<T, Orientation::kColumns>()};
