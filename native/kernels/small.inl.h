// Products of few steps, straight from their operands: no blocks, nothing fetched ahead, and only the vectors that hold
// columns. The chains are the same.

template <typename T>
struct SmallProduct {
  const T* a;
  ptrdiff_t a_row, a_step;  // elements from one row, and from one k, to the next
  const T* b;               // (k, kPanel)
  const T* initial;
  ptrdiff_t initial_stride;
  T* out;  // (rows, kPanel)
};

// All chains live in registers: the loops over them must unroll fully.
template <typename T, int kRows, int kVectors>
inline void small_tile(const SmallProduct<T>& product, int row, int column, int depth) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  const T* a = product.a + row * product.a_row;
  const T* b = product.b + column;
  const T* const initial = product.initial + row * product.initial_stride + column;
  T* const out = product.out + row * kP + column;
  V sum[kRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = V::load(initial + r * product.initial_stride + v * V::kLanes);
  }
  for (int k = 0; k < depth; ++k, a += product.a_step, b += kP) {
    V values[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) values[v] = V::load(b + v * V::kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const V factor = V::set(a[r * product.a_row]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v] = fma(factor, values[v], sum[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v].store(out + r * kP + v * V::kLanes);
  }
}

template <typename T, int kVectors>
inline void small_columns(const SmallProduct<T>& product, int rows, int column, int depth) {
  int r = 0;
  for (; r + 4 <= rows; r += 4) small_tile<T, 4, kVectors>(product, r, column, depth);
  for (; r < rows; ++r) small_tile<T, 1, kVectors>(product, r, column, depth);
}

// Padding beyond the vectors that hold the first `columns` is not written: where it has to be 0, it is from the start.
template <typename T>
inline void multiply_small(const SmallProduct<T>& product, int rows, int depth, int columns) {
  constexpr int kLanes = Vec<T>::kLanes;
  int c = 0;
  for (; c + kLanes < columns; c += 2 * kLanes) small_columns<T, 2>(product, rows, c, depth);
  if (c < columns) small_columns<T, 1>(product, rows, c, depth);
}

// The whole product of a layer that is_small().
template <typename T>
inline void small_forward(const DenseForward<T>& layer, Range rows) {
  const ptrdiff_t at = static_cast<ptrdiff_t>(rows.begin) * kPanel<T>;
  const int count = rows.end - rows.begin;
  T* const z = (layer.activation ? layer.pre_activation : layer.output).data + at;
  multiply_small<T>({.a = layer.input.data + at,
                     .a_row = kPanel<T>,
                     .a_step = 1,
                     .b = layer.weights.data,
                     .initial = layer.bias,
                     .initial_stride = 0,
                     .out = z},
                    count, layer.inputs, layer.units);
  if (layer.activation) activate_tile(layer, z, layer.output.data + at, count, layer.units);
}
