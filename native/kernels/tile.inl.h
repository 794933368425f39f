// The micro-kernel of the three products of a dense layer:
// out(r, c) = initial(r, c) + Σ_k a(r, k) · b(k, c), rows of `a` broadcast, vectors along c.

constexpr int min_of(int a, int b) { return a < b ? a : b; }

template <typename T>
alignas(64) constexpr T kZeroRow[kPanel<T>] = {};

// Depth of k at most: 416 × 128 bytes of one panel of b are 52 KiB. They need not stay in L1: L2 brings them in as fast
// as tiles go through them, and to store the chains more often costs more.
constexpr int kBlock = 416;

// The largest of the nearly equal parts of `total`, none of which exceeds `most`.
inline int even_part(int total, int most) {
  if (total <= most) return total;  // a division takes as long as a small product
  const int parts = (total + most - 1) / most;
  return (total + parts - 1) / parts;
}

// How a(r, k) lies in its panels.
enum class Orientation {
  kRows,     // r·kPanel + k within a panel: k runs along the columns of a matrix in panels
  kColumns,  // k·kPanel + r: k runs along its rows, r along the columns of one panel
};

template <typename T>
struct Tile {
  const T* a;
  ptrdiff_t a_panel;  // from one panel of kPanel values of k to the next, for kRows
  const T* b;         // (k, kPanel)
  const T* initial = nullptr;
  ptrdiff_t initial_stride = 0;  // 0: one row for all, such as a bias
  T* out = nullptr;
  ptrdiff_t out_stride = 0;
  int k = 0;
};

// Stops the compiler from seeing that pointers are related: GCC would keep an address for every row and step, and
// spill.
template <typename T>
inline void hide_origin([[maybe_unused]] T*& pointer) {
#if defined(__GNUC__)
  __asm__("" : "+r"(pointer));
#endif
}

// All accumulators live in registers: the loops over them must unroll fully, or GCC keeps the array in memory.
template <typename T, Orientation orientation, int kRows, int kVectors>
void multiply_tile(const Tile<T>& tile, const Ahead& ahead) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  V sum[kRows][kVectors];
  const T* initial = tile.initial;
  T* out = tile.out;
  const ptrdiff_t initial_stride = tile.initial_stride, out_stride = tile.out_stride;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = V::load(initial + v * V::kLanes);
    hide_origin(initial += initial_stride);
  }
  constexpr int kRowStep = orientation == Orientation::kRows ? kP : 1;
  constexpr int kDepthStep = orientation == Orientation::kRows ? 1 : kP;
  const auto step = [&](const T* a, const T* b) __attribute__((always_inline)) {
    V column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = V::load(b + v * V::kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V row = V::set(a[r * kRowStep]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = accumulate(sum[r][v], row, column[v]);
    }
  };
  // In fours: GCC does not unroll by itself, and a processor cannot foretell the end of a loop of 32 short steps.
  const T* b = tile.b;
  const char* read = static_cast<const char*>(ahead.read.at);
  const auto run = [&](const T* a, int depth, [[maybe_unused]] const char* rows) __attribute__((always_inline)) {
    const T* const b_end = b + depth * kP;
    const char* line = read;
    [[maybe_unused]] const char* written0 = static_cast<const char*>(ahead.written[0].at);
    [[maybe_unused]] const char* written1 = static_cast<const char*>(ahead.written[1].at);
    for (; b_end - b >= 4 * kP; b += 4 * kP, a += 4 * kDepthStep) {
      fetch_into_l2(line);
      line += ahead.read.step;
      if constexpr (orientation == Orientation::kColumns) {
        fetch_into_l2(written0);
        fetch_into_l2(written1);
        written0 += ahead.written[0].step;
        written1 += ahead.written[1].step;
      } else {
        rows = fetch_lines<(kRows * 4 + kP - 1) / kP * kP * sizeof(T)>(rows);  // all rows with a panel
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) step(a + i * kDepthStep, b + i * kP);
    }
    for (; b != b_end; b += kP, a += kDepthStep) step(a, b);
  };
  if constexpr (orientation == Orientation::kRows) {
    // The rows lie apart, panel by panel: those of the next panel come while this one is multiplied.
    const T* panel = tile.a;
    for (int left = tile.k; left > 0; left -= kP, panel += tile.a_panel) {
      const bool last = left <= kP;
      run(panel, last ? left : kP, static_cast<const char*>(last ? ahead.next_rows : panel + tile.a_panel));
      read += ahead.read.panel;
    }
  } else {
    run(tile.a, tile.k, nullptr);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v].store(out + v * V::kLanes);
    hide_origin(out += out_stride);
  }
}

template <typename T>
using TileFunction = void (*)(const Tile<T>&, const Ahead&);

template <typename T, Orientation orientation, int kVectors>
struct TileFunctions {
  static constexpr int kMaxRows = TileLimits<T>::kMaxRows;
  TileFunction<T> with_rows[kMaxRows + 1] = {};

  template <int kRows = 1>
  constexpr void fill() {
    with_rows[kRows] = multiply_tile<T, orientation, kRows, kVectors>;
    if constexpr (kRows < kMaxRows) fill<kRows + 1>();
  }
  constexpr TileFunctions() { fill(); }
};

template <typename T, Orientation orientation>
constexpr TileFunctions<T, orientation, TileLimits<T>::kColumnVectors> kFullTiles;
template <typename T, Orientation orientation>
constexpr TileFunctions<T, orientation, 1> kNarrowTiles;

// Calls visit(first_row, rows) over [0, rows) in tiles of nearly equal height, `most` rows at most: a short last one
// would have too few accumulators to hide the latency of a multiply-add.
template <typename Visit>
[[gnu::always_inline]] inline void split_rows(int rows, int most, Visit visit) {
  if (rows <= most) {  // divisions would take a part of a small product
    if (rows > 0) visit(0, rows);
    return;
  }
  const int tiles = (rows + most - 1) / most;
  const int least = tiles > 1 ? rows / tiles : rows;
  for (int t = 0, first = 0; t < tiles; ++t) {
    const int height = least + (t < rows - least * tiles ? 1 : 0);
    visit(first, height);
    first += height;
  }
}

template <typename T, typename Visit>
inline void split_rows(int rows, Visit visit) {
  split_rows(rows, TileLimits<T>::kMaxRows, visit);
}

template <typename T>
constexpr int tiles_of(int rows) {
  return (rows + TileLimits<T>::kMaxRows - 1) / TileLimits<T>::kMaxRows;
}

// One tile of `rows` ≤ kMaxRows and one panel of columns, of which the first `columns` are computed. Columns after
// them become what the padding of b and initial gives, or zero.
template <typename T, Orientation orientation>
inline void multiply_panel(Tile<T> tile, int rows, int columns, const Ahead& ahead) {
  constexpr int kLanes = Vec<T>::kLanes;
  const T* const b = tile.b;
  const T* const initial = tile.initial;
  T* const out = tile.out;
  int c = 0;
  while (c < columns) {
    tile.b = b + c;
    tile.initial = initial + c;
    tile.out = out + c;
    const bool narrow = columns - c <= kLanes;
    (narrow ? kNarrowTiles<T, orientation>.with_rows : kFullTiles<T, orientation>.with_rows)[rows](tile, ahead);
    c += narrow ? kLanes : TileLimits<T>::kColumnVectors * kLanes;
  }
  for (; c < kPanel<T>; c += kLanes) {
    for (int r = 0; r < rows; ++r) Vec<T>::zero().store(out + r * tile.out_stride + c);
  }
}
