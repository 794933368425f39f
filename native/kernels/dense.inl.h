// The three products of a dense layer, on matrices in panels. Epilogues run on each tile or block while it is in L1.

// Loops: panel of units, block of inputs (that part of W's panel stays in L1), tile of rows (the batch streams past).
template <typename T>
void dense_forward(const DenseForward<T>& layer, Range unit_panels, Range rows) {
  constexpr int kP = kPanel<T>;
  const Panels<T>& sums = layer.activation ? layer.pre_activation : layer.output;
  for (int p = unit_panels.begin; p < unit_panels.end; ++p) {
    const int columns = min_of(kP, layer.units - p * kP);
    int start = 0;
    do {  // once even without inputs: the bias alone
      const int depth = min_of(kBlock, layer.inputs - start);
      const bool last = start + depth == layer.inputs;
      split_rows<T>(rows.end - rows.begin, [&](int first, int height) {
        const ptrdiff_t row = static_cast<ptrdiff_t>(rows.begin + first) * kP;
        T* const z = sums.panel(p) + row;
        multiply_panel<T, Orientation::kRows>({.a = layer.input.panel(start / kP) + row,
                                               .a_panel = layer.input.stride,
                                               .b = layer.weights.panel(p) + static_cast<ptrdiff_t>(start) * kP,
                                               .initial = start == 0 ? layer.bias + p * kP : z,
                                               .initial_stride = start == 0 ? 0 : kP,
                                               .out = z,
                                               .out_stride = kP,
                                               .k = depth},
                                              height, columns);
        if (last && layer.activation)
          layer.activation->forward(z, layer.output.panel(p) + row, height * kP, layer.parameters);
      });
      start += depth;
    } while (start < layer.inputs);
  }
}

// A block of the product, inputs down and batch across, becomes (batch, inputs) and takes its factor φ'.
template <typename T>
inline void finish_input_gradient(const DenseInputGradient<T>& layer, const T* block, int input_panel,
                                  int batch_panel) {
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  const int inputs = min_of(kP, layer.inputs - input_panel * kP);
  const int rows = min_of(kP, layer.rows - batch_panel * kP);
  alignas(64) T turned[kP * kP];
  for (int i = 0; i < inputs; i += kLanes) {
    for (int b = 0; b < rows; b += kLanes) transpose(block + i * kP + b, kP, turned + b * kP + i, kP);
  }
  for (int i = inputs; i < kP; ++i) {
    for (int b = 0; b < rows; ++b) turned[b * kP + i] = 0;
  }
  const ptrdiff_t offset = static_cast<ptrdiff_t>(batch_panel) * kP * kP;
  T* const gradient = layer.gradient.panel(input_panel) + offset;
  if (layer.activation) {
    layer.activation->backward(layer.saved.panel(input_panel) + offset, turned, gradient, rows * kP, layer.parameters);
  } else {
    for (int i = 0; i < rows * kP; i += kLanes) Vec<T>::load(turned + i).store(gradient + i);
  }
}

// Loops: panel of inputs, group of batch panels, block of units (that part of W stays in L1, deltaᵀ streams past it).
template <typename T>
void dense_input_gradient(const DenseInputGradient<T>& layer, Range input_panels) {
  constexpr int kP = kPanel<T>;
  constexpr int kGroup = 8;  // 8 blocks of 32 × 32 float32 are 32 KiB of chains between one block of units and the next
  alignas(64) T blocks[kGroup][kP * kP];
  const int batch_panels = panels_of<T>(layer.rows);
  for (int p = input_panels.begin; p < input_panels.end; ++p) {
    const int inputs = min_of(kP, layer.inputs - p * kP);
    for (int group = 0; group < batch_panels; group += kGroup) {
      const int group_end = min_of(group + kGroup, batch_panels);
      int start = 0;
      do {  // once even without units: the sums are zero
        for (int q = group; q < group_end; ++q) {
          split_rows<T>(inputs, [&](int first, int height) {
            T* const out = blocks[q - group] + first * kP;
            multiply_panel<T, Orientation::kRows>(
                {.a = layer.weights.panel(start / kP) + static_cast<ptrdiff_t>(p * kP + first) * kP,
                 .a_panel = layer.weights.stride,
                 .b = layer.delta_transposed.panel(q) + static_cast<ptrdiff_t>(start) * kP,
                 .initial = start == 0 ? kZeroRow<T> : out,
                 .initial_stride = start == 0 ? 0 : kP,
                 .out = out,
                 .out_stride = kP,
                 .k = min_of(kBlock, layer.units - start)},
                height, min_of(kP, layer.rows - q * kP));
          });
        }
        start += kBlock;
      } while (start < layer.units);
      for (int q = group; q < group_end; ++q) finish_input_gradient(layer, blocks[q - group], p, q);
    }
  }
}

// Sums over the rows of one panel of delta, one chain per column.
template <typename T>
inline void column_sums(const T* delta, int rows, const T* initial, T* sums) {
  using V = Vec<T>;
  for (int c = 0; c < kPanel<T>; c += V::kLanes) {
    V sum = V::load(initial + c);
    for (int r = 0; r < rows; ++r) sum = sum + V::load(delta + static_cast<ptrdiff_t>(r) * kPanel<T> + c);
    sum.store(sums + c);
  }
}

template <typename T>
inline void bias_gradient(const DenseWeightGradient<T>& layer, int unit_panel) {
  const ptrdiff_t offset = static_cast<ptrdiff_t>(unit_panel) * kPanel<T>;
  const T* const delta = layer.delta.panel(unit_panel);
  if (!layer.update) {
    T* const sums = layer.bias_gradient + offset;
    column_sums(delta, layer.rows, layer.accumulate ? sums : kZeroRow<T>, sums);
    return;
  }
  alignas(64) T sums[kPanel<T>];
  column_sums(delta, layer.rows, kZeroRow<T>, sums);
  T* slots[kMaxSlots];
  for (int s = 0; s < layer.update->optimizer->slots; ++s) slots[s] = layer.update->bias_slots[s] + offset;
  layer.update->optimizer->update(layer.bias + offset, sums, slots, kPanel<T>, layer.update->constants);
}

// Loops: panel of units (its delta stays in L1), panel of inputs. A block of kPanel inputs and kPanel units is one
// piece of memory in W's panel, so the optimizer goes over it in one run.
template <typename T>
void dense_weight_gradient(const DenseWeightGradient<T>& layer, Range unit_panels, Range input_panels) {
  constexpr int kP = kPanel<T>;
  alignas(64) T block[kP * kP];
  const Update<T>* const update = layer.update;
  for (int p = unit_panels.begin; p < unit_panels.end; ++p) {
    const int columns = min_of(kP, layer.units - p * kP);
    if (input_panels.begin == 0 && (update ? layer.bias : layer.bias_gradient)) bias_gradient(layer, p);
    for (int q = input_panels.begin; q < input_panels.end; ++q) {
      const int inputs = min_of(kP, layer.inputs - q * kP);
      const ptrdiff_t offset = static_cast<ptrdiff_t>(q) * kP * kP;
      T* const sums = update ? block : layer.gradient.panel(p) + offset;
      int start = 0;
      do {
        const int depth = min_of(kBlock, layer.rows - start);
        split_rows<T>(inputs, [&](int first, int height) {
          T* const out = sums + first * kP;
          const bool fresh = start == 0 && !layer.accumulate;
          multiply_panel<T, Orientation::kColumns>(
              {.a = layer.input.panel(q) + static_cast<ptrdiff_t>(start) * kP + first,
               .a_panel = 0,
               .b = layer.delta.panel(p) + static_cast<ptrdiff_t>(start) * kP,
               .initial = fresh ? kZeroRow<T> : out,
               .initial_stride = fresh ? 0 : kP,
               .out = out,
               .out_stride = kP,
               .k = depth},
              height, columns);
        });
        start += depth;
      } while (start < layer.rows);
      if (!update) continue;
      const ptrdiff_t position = layer.weights.stride * p + offset;
      T* slots[kMaxSlots];
      for (int s = 0; s < update->optimizer->slots; ++s) slots[s] = update->weight_slots[s] + position;
      if (update->l1 != 0 || update->l2 != 0) {
        add_penalty(layer.weights.data + position, block, inputs * kP, update->l1, update->l2);
      }
      update->optimizer->update(layer.weights.data + position, block, slots, inputs * kP, update->constants);
    }
  }
}

template <typename T>
void transpose_panels(Panels<const T> source, Panels<T> destination, int rows, int columns, Range column_panels) {
  constexpr int kP = kPanel<T>;
  alignas(64) T block[kP * kP];
  for (int p = column_panels.begin; p < column_panels.end; ++p) {
    for (int q = 0; q < panels_of<T>(rows); ++q) {
      const int height = min_of(kP, rows - q * kP);
      const T* from = source.panel(p) + static_cast<ptrdiff_t>(q) * kP * kP;
      if (height < kP) {
        for (int i = 0; i < kP * kP; ++i) block[i] = i < height * kP ? from[i] : 0;
        from = block;
      }
      const int width = min_of(kP, columns - p * kP);
      T* const to = destination.panel(q) + static_cast<ptrdiff_t>(p) * kP * kP;
      for (int c = 0; c < width; c += Vec<T>::kLanes) {
        for (int r = 0; r < kP; r += Vec<T>::kLanes) transpose(from + r * kP + c, kP, to + c * kP + r, kP);
      }
    }
  }
}

template <typename T>
void multiply(const T* a, const T* b, T* product, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += Vec<T>::kLanes) (Vec<T>::load(a + i) * Vec<T>::load(b + i)).store(product + i);
}
