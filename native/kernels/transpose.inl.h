// Matrices in panels, transposed block by block.

// destination[c][r] = source[r][c] for a block of kLanes × kLanes; strides in elements, no overlap.
template <typename T>
inline void transpose(const T* source, ptrdiff_t source_stride, T* destination, ptrdiff_t destination_stride) {
#pragma GCC unroll 4
  for (int c = 0; c < Vec<T>::kLanes; c += kTransposed<T>) {
    transpose_columns(source + c, source_stride, destination + c * destination_stride, destination_stride);
  }
}

// destination(c, r) = source(r, c), within one panel each: (rows, columns) at source.
template <typename T>
inline void transpose_block(const T* source, T* destination, int rows, int columns) {
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  if (rows < kP && rows * columns <= kFewElements) {
    for (int c = 0; c < columns; ++c) {
      for (int r = 0; r < rows; ++r) destination[c * kP + r] = source[r * kP + c];
    }
    return;
  }
  alignas(64) T block[kP * kP];
  if (rows < kP) {
    for (int i = 0; i < rows * kP; i += kLanes) Vec<T>::load(source + i).store(block + i);
    clear(block + rows * kP, kP - rows);
    source = block;
  }
  for (int c = 0; c < columns; c += kTransposed<T>) {
    for (int r = 0; r < rows; r += kLanes) transpose_columns(source + r * kP + c, kP, destination + c * kP + r, kP);
  }
}

template <typename T>
void transpose_panels(Panels<const T> source, Panels<T> destination, int rows, int columns, Range column_panels) {
  constexpr int kP = kPanel<T>;
  for (int p = column_panels.begin; p < column_panels.end; ++p) {
    for (int q = 0; q < panels_of<T>(rows); ++q) {
      constexpr ptrdiff_t kElements = kP * kP;
      transpose_block(source.panel(p) + q * kElements, destination.panel(q) + p * kElements, min_of(kP, rows - q * kP),
                      min_of(kP, columns - p * kP));
    }
  }
}
