// What follows a product of a dense layer, for a tile or a block of it at a time: activation, bias, update.

// The activation of a tile's rows. Of a panel that is padding for the most part the other columns are packed first.
template <typename T>
inline void activate_tile(const DenseForward<T>& layer, const T* z, T* output, int rows, int columns) {
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  const int width = (columns + kLanes - 1) / kLanes * kLanes;
  if (2 * width > kP) {
    layer.activation->forward(z, output, rows * kP, layer.parameters);
    return;
  }
  constexpr int kMostRows = TileLimits<T>::kMaxRows < kSmall ? kSmall : TileLimits<T>::kMaxRows;
  alignas(64) T packed[(kMostRows + 1) * kP / 2];
  T* end = packed;
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < width; c += kLanes, end += kLanes) Vec<T>::load(z + r * kP + c).store(end);
  }
  for (; (end - packed) % kP != 0; end += kLanes) Vec<T>::zero().store(end);
  layer.activation->forward(packed, packed, end - packed, layer.parameters);
  const T* from = packed;
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < width; c += kLanes, from += kLanes) Vec<T>::load(from).store(output + r * kP + c);
  }
}

// Rows of a panel become zero.
template <typename T>
inline void clear(T* values, int rows) {
  for (T* const end = values + rows * kPanel<T>; values != end; values += kPanel<T>) {
#pragma GCC unroll 32
    for (int c = 0; c < kPanel<T>; c += Vec<T>::kLanes) Vec<T>::zero().store(values + c);
  }
}

// kVectors chains beside each other: what takes the time is the latency of an addition.
template <typename T, int kVectors>
inline void vector_sums(const T* delta, int rows, const T* initial, T* sums) {
  using V = Vec<T>;
  V sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = V::load(initial + v * V::kLanes);
  for (int r = 0; r < rows; ++r, delta += kPanel<T>) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] = sum[v] + V::load(delta + v * V::kLanes);
  }
  for (int v = 0; v < kVectors; ++v) sum[v].store(sums + v * V::kLanes);
}

// Sums over the rows of one panel of delta, one chain for each of the first `columns`.
template <typename T>
inline void column_sums(const T* delta, int rows, int columns, const T* initial, T* sums) {
  constexpr int kLanes = Vec<T>::kLanes;
  int c = 0;
  for (; c + kLanes < columns; c += 2 * kLanes) vector_sums<T, 2>(delta + c, rows, initial + c, sums + c);
  if (c < columns) vector_sums<T, 1>(delta + c, rows, initial + c, sums + c);
}

template <typename T>
inline void bias_gradient(const DenseWeightGradient<T>& layer, int unit_panel) {
  const ptrdiff_t offset = static_cast<ptrdiff_t>(unit_panel) * kPanel<T>;
  const T* const delta = layer.delta.panel(unit_panel);
  const int columns = min_of(kPanel<T>, layer.units - unit_panel * kPanel<T>);
  if (!layer.update) {
    T* const sums = layer.bias_gradient + offset;
    column_sums(delta, layer.rows, columns, layer.accumulate ? sums : kZeroRow<T>, sums);
    return;
  }
  alignas(64) T sums[kPanel<T>];
  clear(sums, 1);
  column_sums(delta, layer.rows, columns, kZeroRow<T>, sums);
  T* slots[kMaxSlots];
  for (int s = 0; s < layer.update->optimizer->slots; ++s) slots[s] = layer.update->bias_slots[s] + offset;
  layer.update->optimizer->update(layer.bias + offset, sums, slots, 1, columns, layer.update->constants);
}

// The optimizer over a block of so many inputs and kPanel units, which is one piece of memory in W's panel.
template <typename T>
inline void update_block(const DenseWeightGradient<T>& layer, T* gradient, ptrdiff_t position, int inputs, int units) {
  const Update<T>& update = *layer.update;
  T* slots[kMaxSlots];
  for (int s = 0; s < update.optimizer->slots; ++s) slots[s] = update.weight_slots[s] + position;
  T* const weights = layer.weights.data + position;
  if (update.l1 != 0 || update.l2 != 0) add_penalty(weights, gradient, inputs * kPanel<T>, update.l1, update.l2);
  update.optimizer->update(weights, gradient, slots, inputs, units, update.constants);
}
