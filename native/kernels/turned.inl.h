// The products of a layer of few units, and the input gradient of few rows: an operand or the result is turned block by
// block, since vectors laid out as elsewhere would have idle lanes for the most part. The chains are the same.

// The first `count` columns of (units, kPanel), units up to a vector's lanes, become the beginnings of rows of a panel.
// Rows of source after `units` are 0.
template <typename T>
inline void turn_units(const T* source, int units, int count, T* destination) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = V::kLanes;
  if (units == 1) {
    for (int r = 0; r < count; ++r) first(1, V::set(source[r]), V::zero()).store(destination + r * kP);
    return;
  }
  int r = 0;
  for (; r + kLanes <= count; r += kLanes) transpose(source + r, kP, destination + r * kP, kP);
  if (r == count) return;
  alignas(64) T rows[kLanes * kLanes];
  transpose(source + r, kP, rows, kLanes);
  for (int i = 0; r + i < count; ++i) V::load(rows + i * kLanes).store(destination + (r + i) * kP);
}

// To turn the input takes less time than so few units save, where the rows fill most of a panel.
template <typename T>
constexpr bool turns_input(const DenseForward<T>& layer, Range rows) {
  return layer.units <= Vec<T>::kLanes / 4 && 4 * (rows.end - rows.begin) >= 3 * kPanel<T>;
}

// Loops: panel of rows, panel of inputs.
template <typename T>
void turned_forward(const DenseForward<T>& layer, Range rows) {
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  alignas(64) T turned[kP * kP];      // a block of the input, (inputs, rows)
  alignas(64) T result[kSmall * kP];  // (units, rows)
  for (int u = layer.units; u < kLanes; ++u) clear(result + u * kP, 1);
  for (int first = rows.begin; first < rows.end; first += kP) {
    const int count = min_of(kP, rows.end - first);
    const ptrdiff_t row = static_cast<ptrdiff_t>(first) * kP;
    if (count < kP) clear(turned, kP);
    for (int u = 0; u < layer.units; ++u) {
      for (int r = 0; r < kP; r += kLanes) Vec<T>::set(layer.bias[u]).store(result + u * kP + r);
    }
    for (int start = 0; start < layer.inputs; start += kP) {
      const int depth = min_of(kP, layer.inputs - start);
      transpose_block(layer.input.panel(start / kP) + row, turned, count, depth);
      multiply_small<T>({.a = layer.weights.data + static_cast<ptrdiff_t>(start) * kP,
                         .a_row = 1,
                         .a_step = kP,
                         .b = turned,
                         .initial = result,
                         .initial_stride = kP,
                         .out = result},
                        layer.units, depth, kP);
    }
    if (layer.activation) {
      turn_units(result, layer.units, count, layer.pre_activation.data + row);
      layer.activation->forward(result, result, layer.units * kP, layer.parameters);
    }
    turn_units(result, layer.units, count, layer.output.data + row);
  }
}

// Few rows leave most lanes of a vector across the batch idle, and with few units all of W, a single panel, is turned
// for what the tiles of one panel of the batch would be.
template <typename T>
constexpr bool turns_weights(const DenseInputGradient<T>& layer) {
  return layer.rows <= Vec<T>::kLanes / 4 || has_few_units<T>(layer.units);
}

// Loops: panel of the inputs, panel of units, panel of rows.
template <typename T>
void turned_input_gradient(const DenseInputGradient<T>& layer, Range input_panels) {
  constexpr int kP = kPanel<T>;
  alignas(64) T turned[kP * kP];  // a block of W, (units, inputs)
  for (int q = input_panels.begin; q < input_panels.end; ++q) {
    const ptrdiff_t position = static_cast<ptrdiff_t>(q) * kP * kP;
    const int inputs = min_of(kP, layer.inputs - q * kP);
    int p = 0;
    do {  // once even without units: the sums are zero
      const int units = min_of(kP, layer.units - p * kP);
      if (inputs < kP) clear(turned, units);
      transpose_block(layer.weights.panel(p) + position, turned, inputs, units);
      for (int first = 0; first < layer.rows; first += kP) {
        const int rows = min_of(kP, layer.rows - first);
        const ptrdiff_t row = static_cast<ptrdiff_t>(first) * kP;
        T* const gradient = layer.gradient.panel(q) + row;
        multiply_small<T>({.a = layer.delta.panel(p) + row,
                           .a_row = kP,
                           .a_step = 1,
                           .b = turned,
                           .initial = p == 0 ? kZeroRow<T> : gradient,
                           .initial_stride = p == 0 ? 0 : kP,
                           .out = gradient},
                          rows, units, inputs);
        if ((p + 1) * kP < layer.units) continue;
        if (layer.activation) {
          layer.activation->backward(layer.saved.panel(q) + row, gradient, gradient, rows * kP, layer.parameters);
        }
        if (layer.gradient_transposed.data) {
          transpose_block(gradient, layer.gradient_transposed.panel(first / kP) + position, rows, inputs);
        }
      }
      ++p;
    } while (p * kP < layer.units);
  }
}

// To turn the gradient, block by block, takes less time than so few units save.
template <typename T>
constexpr int kGradientUnits = Vec<T>::kLanes * 3 / 4;

template <typename T>
constexpr bool turns_gradient(const DenseWeightGradient<T>& layer) {
  return layer.units <= kGradientUnits<T> && layer.rows > kSmall && !layer.accumulate;
}

// Loops: panel of the inputs, block of the batch, tile of units.
template <typename T>
void turned_weight_gradient(const DenseWeightGradient<T>& layer, Range input_panels, const UpcomingRows& upcoming) {
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  alignas(64) T turned[kLanes * kP];  // (units, inputs)
  alignas(64) T block[kP * kP];       // (inputs, units)
  clear(turned, kLanes);
  if (layer.update) clear(block, kP);
  const int block_rows = even_part(layer.rows, kBlock);
  for (int q = input_panels.begin; q < input_panels.end; ++q) {
    fetch_rows(
        upcoming.part({q - input_panels.begin, q - input_panels.begin + 1}, input_panels.end - input_panels.begin));
    const int inputs = min_of(kP, layer.inputs - q * kP);
    const ptrdiff_t position = static_cast<ptrdiff_t>(q) * kP * kP;
    for (int start = 0; start < layer.rows; start += block_rows) {
      const ptrdiff_t row = static_cast<ptrdiff_t>(start) * kP;
      // Its chains are long: taller tiles take less time than multiply_small().
      split_rows<T>(layer.units, [&](int first, int height) {
        T* const out = turned + first * kP;
        const T* const values = layer.input.panel(q) + row;
        const Ahead::Place near = {.at = values, .step = 0};
        multiply_panel<T, Orientation::kColumns>({.a = layer.delta.data + row + first,
                                                  .a_panel = 0,
                                                  .b = values,
                                                  .initial = start == 0 ? kZeroRow<T> : out,
                                                  .initial_stride = start == 0 ? 0 : kP,
                                                  .out = out,
                                                  .out_stride = kP,
                                                  .k = min_of(block_rows, layer.rows - start)},
                                                 height, inputs,
                                                 {.read = near, .written = {near, near}, .next_rows = nullptr});
      });
    }
    turn_units(turned, layer.units, inputs, block);
    if (layer.update) {
      update_block(layer, block, position, inputs, layer.units);
    } else {
      T* const gradient = layer.gradient.data + position;
      for (int i = 0; i < inputs; ++i) Vec<T>::load(block + i * kP).store(gradient + i * kP);
    }
  }
  if (input_panels.begin == 0 && (layer.update ? layer.bias : layer.bias_gradient)) bias_gradient(layer, 0);
}
