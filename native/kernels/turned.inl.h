// The products of a layer of few units, and the input gradient of few rows: an operand or the result is turned block by
// block, since vectors laid out as elsewhere would have idle lanes for the most part. The chains are the same.

// A tile of which nothing has to be fetched.
template <typename T, Orientation orientation>
inline void multiply_near(const Tile<T>& tile, int rows, int columns) {
  const Ahead::Place near = {.at = tile.b, .step = 0, .panel = 0};
  multiply_panel<T, orientation>(tile, rows, columns, {.read = near, .written = {near, near}, .next_rows = tile.b});
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
  alignas(64) T result[kLanes * kP];  // (units, rows)
  alignas(64) T values[kP * kLanes];  // (rows, units)
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
      multiply_near<T, Orientation::kColumns>({.a = layer.weights.data + static_cast<ptrdiff_t>(start) * kP,
                                               .a_panel = 0,
                                               .b = turned,
                                               .initial = result,
                                               .initial_stride = kP,
                                               .out = result,
                                               .out_stride = kP,
                                               .k = depth},
                                              layer.units, kP);
    }
    const auto turn_back = [&](T* to) {
      for (int r = 0; r < count; r += kLanes) transpose(result + r, kP, values + r * kLanes, kLanes);
      for (int r = 0; r < count; ++r) Vec<T>::load(values + r * kLanes).store(to + r * kP);
    };
    if (layer.activation) {
      turn_back(layer.pre_activation.data + row);
      layer.activation->forward(result, result, layer.units * kP, layer.parameters);
    }
    turn_back(layer.output.data + row);
  }
}

// Few rows leave most lanes of a vector across the batch idle, and with few units all of W, a single panel, is turned
// for what the tiles of one panel of the batch would be.
template <typename T>
constexpr bool turns_weights(const DenseInputGradient<T>& layer) {
  return layer.rows <= Vec<T>::kLanes / 4 || has_few_units<T>(layer.units);
}

// Loops: panel of the inputs, panel of units, tile of rows.
template <typename T>
void turned_input_gradient(const DenseInputGradient<T>& layer, Range input_panels) {
  constexpr int kP = kPanel<T>;
  alignas(64) T turned[kP * kP];  // a block of W, (units, inputs)
  for (int q = input_panels.begin; q < input_panels.end; ++q) {
    const ptrdiff_t position = static_cast<ptrdiff_t>(q) * kP * kP;
    const int inputs = min_of(kP, layer.inputs - q * kP);
    T* const gradient = layer.gradient.panel(q);
    const auto derive = [&](int first, int height) {
      if (!layer.activation) return;
      T* const values = gradient + first * kP;
      layer.activation->backward(layer.saved.panel(q) + first * kP, values, values, height * kP, layer.parameters);
    };
    int p = 0;
    do {  // once even without units: the sums are zero
      const int units = min_of(kP, layer.units - p * kP);
      const bool last = (p + 1) * kP >= layer.units;
      if (inputs < kP) clear(turned, units);
      transpose_block(layer.weights.panel(p) + position, turned, inputs, units);
      const T* const initial = p == 0 ? kZeroRow<T> : gradient;
      const int initial_stride = p == 0 ? 0 : kP;
      if (layer.rows <= kSmall) {
        multiply_small<T>({.a = layer.delta.panel(p),
                           .a_row = kP,
                           .a_step = 1,
                           .b = turned,
                           .initial = initial,
                           .initial_stride = initial_stride,
                           .out = gradient},
                          layer.rows, units, inputs);
        if (last) derive(0, layer.rows);
      } else {
        split_rows<T>(layer.rows, [&](int first, int height) {
          multiply_near<T, Orientation::kRows>({.a = layer.delta.panel(p) + first * kP,
                                                .a_panel = 0,
                                                .b = turned,
                                                .initial = initial + first * initial_stride,
                                                .initial_stride = initial_stride,
                                                .out = gradient + first * kP,
                                                .out_stride = kP,
                                                .k = units},
                                               height, inputs);
          if (last) derive(first, height);
        });
      }
      ++p;
    } while (p * kP < layer.units);
    if (!layer.gradient_transposed.data) continue;
    for (int r = 0; r < layer.rows; r += kP) {
      transpose_block(gradient + r * kP, layer.gradient_transposed.panel(r / kP) + position, min_of(kP, layer.rows - r),
                      inputs);
    }
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
      split_rows<T>(layer.units, [&](int first, int height) {
        T* const out = turned + first * kP;
        multiply_near<T, Orientation::kColumns>({.a = layer.delta.data + row + first,
                                                 .a_panel = 0,
                                                 .b = layer.input.panel(q) + row,
                                                 .initial = start == 0 ? kZeroRow<T> : out,
                                                 .initial_stride = start == 0 ? 0 : kP,
                                                 .out = out,
                                                 .out_stride = kP,
                                                 .k = min_of(block_rows, layer.rows - start)},
                                                height, inputs);
      });
    }
    for (int i = 0; i < inputs; i += kLanes) transpose(turned + i, kP, block + i * kP, kP);
    if (layer.update) {
      update_block(layer, block, position, inputs, layer.units);
    } else {
      T* const gradient = layer.gradient.data + position;
      for (int i = 0; i < inputs; ++i) Vec<T>::load(block + i * kP).store(gradient + i * kP);
    }
  }
  if (input_panels.begin == 0 && (layer.update ? layer.bias : layer.bias_gradient)) bias_gradient(layer, 0);
}
