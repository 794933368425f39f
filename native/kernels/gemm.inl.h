// General products: operands are copied into panels block by block (Goto and van de Geijn, 2008), then run through the
// same micro-kernel as a layer's.

constexpr int kGemmRows = 504;      // 36 tiles of 14 rows: a block of A, 504 × 256, fits in half of a 1 MiB L2
constexpr int kGemmColumns = 1024;  // a block of B, 256 × 1024, stays in L3 and is read once per block of A

// (rows, columns) into panels; columns that pad the last panel become zero. Whole blocks move as vectors, and where the
// source lies transposed (row_stride 1) are turned in registers.
template <typename T>
inline void pack(const T* source, ptrdiff_t row_stride, ptrdiff_t column_stride, int rows, int columns, Panels<T> to) {
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  for (int p = 0; p * kP < columns; ++p) {
    const int width = min_of(kP, columns - p * kP);
    const T* const from = source + p * kP * column_stride;
    T* const panel = to.panel(p);
    int r = 0;
    if (width == kP && column_stride == 1) {
      for (; r < rows; ++r) {
        for (int c = 0; c < kP; c += kLanes) Vec<T>::load(from + r * row_stride + c).store(panel + r * kP + c);
      }
    } else if (width == kP && row_stride == 1) {
      for (; r + kLanes <= rows; r += kLanes) {
        for (int c = 0; c < kP; c += kLanes)
          transpose(from + r + c * column_stride, column_stride, panel + r * kP + c, kP);
      }
    }
    for (; r < rows; ++r) {
      for (int c = 0; c < kP; ++c) panel[r * kP + c] = c < width ? from[r * row_stride + c * column_stride] : 0;
    }
  }
}

template <typename T>
ptrdiff_t gemm_workspace(int m, int n, int k) {
  constexpr int kP = kPanel<T>;
  const ptrdiff_t depth = panels_of<T>(min_of(k, kBlock)) * kP;
  return depth * min_of(m, kGemmRows) + depth * panels_of<T>(min_of(n, kGemmColumns)) * kP;
}

// One panel of C: straight into it, or by way of a padded tile where C has fewer columns than the panel.
template <typename T>
inline void gemm_panel(const Gemm<T>& product, Tile<T> tile, T* c, int rows, int columns, bool fresh) {
  constexpr int kP = kPanel<T>;
  split_rows<T>(rows, [&](int first, int height) {
    T* const out = c + first * product.ldc;
    Tile<T> part = tile;
    part.a += static_cast<ptrdiff_t>(first) * kP;
    if (columns == kP) {
      part.initial = fresh ? kZeroRow<T> : out;
      part.initial_stride = fresh ? 0 : product.ldc;
      part.out = out;
      part.out_stride = product.ldc;
      multiply_panel<T, Orientation::kRows>(part, height, columns);
      return;
    }
    alignas(64) T padded[TileLimits<T>::kMaxRows * kP];
    for (int r = 0; r < height; ++r) {
      for (int j = 0; j < kP; ++j) padded[r * kP + j] = fresh || j >= columns ? 0 : out[r * product.ldc + j];
    }
    part.initial = part.out = padded;
    part.initial_stride = part.out_stride = kP;
    multiply_panel<T, Orientation::kRows>(part, height, columns);
    for (int r = 0; r < height; ++r) {
      for (int j = 0; j < columns; ++j) out[r * product.ldc + j] = padded[r * kP + j];
    }
  });
}

template <typename T>
void gemm(const Gemm<T>& product) {
  constexpr int kP = kPanel<T>;
  if (product.k == 0 && !product.accumulate) {
    for (int i = 0; i < product.m; ++i) {
      for (int j = 0; j < product.n; ++j) product.c[i * product.ldc + j] = 0;
    }
  }
  for (int column = 0; column < product.n; column += kGemmColumns) {
    const int n = min_of(kGemmColumns, product.n - column);
    for (int start = 0; start < product.k; start += kBlock) {
      const int k = min_of(kBlock, product.k - start);
      const Panels<T> b = {product.workspace, static_cast<ptrdiff_t>(k) * kP};
      pack(product.b + start * product.b_row + column * product.b_column, product.b_row, product.b_column, k, n, b);
      for (int row = 0; row < product.m; row += kGemmRows) {
        const int m = min_of(kGemmRows, product.m - row);
        const Panels<T> a = {b.panel(panels_of<T>(n)), static_cast<ptrdiff_t>(m) * kP};
        pack(product.a + row * product.a_row + start * product.a_column, product.a_row, product.a_column, m, k, a);
        for (int p = 0; p * kP < n; ++p) {
          const Tile<T> tile = {.a = a.data, .a_panel = a.stride, .b = b.panel(p), .k = k};
          T* const c = product.c + row * product.ldc + column + p * kP;
          gemm_panel(product, tile, c, m, min_of(kP, n - p * kP), start == 0 && !product.accumulate);
        }
      }
    }
  }
}
