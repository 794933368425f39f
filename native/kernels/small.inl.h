// The same products where is_small(): straight from their operands, with no blocks, nothing fetched ahead, and only
// the vectors that hold columns. The chains are the same.

template <typename T>
struct SmallProduct {
  const T* a;
  ptrdiff_t a_row, a_step;  // elements from one row, and from one k, to the next
  const T* b;               // (k, kPanel)
  const T* initial;
  ptrdiff_t initial_stride;
  T* out;  // (rows, kPanel)
};

template <typename T, int kRows>
inline void small_rows(const SmallProduct<T>& product, int row, int column, int depth) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  const T* a = product.a + row * product.a_row;
  const T* b = product.b + column;
  const T* const initial = product.initial + row * product.initial_stride + column;
  T* const out = product.out + row * kP + column;
  V sum[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sum[r] = V::load(initial + r * product.initial_stride);
  for (int k = 0; k < depth; ++k, a += product.a_step, b += kP) {
    const V values = V::load(b);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) sum[r] = fma(V::set(a[r * product.a_row]), values, sum[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sum[r].store(out + r * kP);
}

// Padding beyond the vectors that hold the first `columns` is not written: where it has to be 0, it is from the start.
template <typename T>
inline void multiply_small(const SmallProduct<T>& product, int rows, int depth, int columns) {
  constexpr int kLanes = Vec<T>::kLanes;
  for (int c = 0; c < columns; c += kLanes) {
    int r = 0;
    for (; r + 4 <= rows; r += 4) small_rows<T, 4>(product, r, c, depth);
    for (; r < rows; ++r) small_rows<T, 1>(product, r, c, depth);
  }
}

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
