// The three products of a dense layer, on matrices in panels. What follows each (epilogues.inl.h) is done to a tile or
// block while it is in L1.

// Bytes of an operand that is gone through again and again and has to stay in L2 meanwhile: a quarter of 2 MiB.
constexpr int kResident = 1 << 19;

// The largest of the nearly equal parts of so many panels of `rows` rows, `most` panels at most, that fit.
template <typename T>
inline int resident_part(int panels, int rows, int most = INT32_MAX) {
  const ptrdiff_t panel = static_cast<ptrdiff_t>(rows) * kPanel<T> * static_cast<ptrdiff_t>(sizeof(T));
  if (panels <= most && panels * panel <= kResident) return panels;
  const int resident = panel < kResident ? static_cast<int>(kResident / panel) : 1;
  return even_part(panels, min_of(most, resident));
}

// A single row against kCount panels of W at once: the chains of one panel are too few to hide the latency of a
// multiply-add.
template <typename T, int kCount>
void forward_row(const DenseForward<T>& layer, const Panels<T>& sums, int first_panel, int row) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  constexpr int kVectors = kP / V::kLanes;
  const ptrdiff_t at = static_cast<ptrdiff_t>(row) * kP;
  V sum[kCount][kVectors];
#pragma GCC unroll 4
  for (int p = 0; p < kCount; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[p][v] = V::load(layer.bias + (first_panel + p) * kP + v * V::kLanes);
  }
  const T* weights = layer.weights.panel(first_panel);
  for (int start = 0; start < layer.inputs; start += kP) {
    const T* const x = layer.input.panel(start / kP) + at;
    const int depth = min_of(kP, layer.inputs - start);
#pragma GCC unroll 2
    for (int k = 0; k < depth; ++k, weights += kP) {
      const V value = V::set(x[k]);
#pragma GCC unroll 4
      for (int p = 0; p < kCount; ++p) {
        const T* const column = weights + p * layer.weights.stride;
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[p][v] = fma(value, V::load(column + v * V::kLanes), sum[p][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kCount; ++p) {
    T* const z = sums.panel(first_panel + p) + at;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[p][v].store(z + v * V::kLanes);
    if (layer.activation) {
      layer.activation->forward(z, layer.output.panel(first_panel + p) + at, kP, layer.parameters);
    }
  }
}

// A single row: kCount panels together, and half as many of those left.
template <typename T, int kCount>
inline void forward_row_panels(const DenseForward<T>& layer, const Panels<T>& sums, Range panels, int row) {
  for (; panels.begin + kCount <= panels.end; panels.begin += kCount) {
    forward_row<T, kCount>(layer, sums, panels.begin, row);
  }
  if constexpr (kCount > 1) forward_row_panels<T, kCount / 2>(layer, sums, panels, row);
}

// With more rows, fewer than 512 inputs of them would stay in L2, and chains would be stored too often.
template <typename T>
constexpr int kRowsTogether = kResident / (512 * static_cast<int>(sizeof(T)));

// Loops: rows that go together, part of the inputs (that part of these rows stays in L2), panel of units, block of
// inputs, tile of rows.
template <typename T>
void dense_forward(const DenseForward<T>& layer, Range unit_panels, Range rows) {
  constexpr int kP = kPanel<T>;
  if (is_small(rows.end - rows.begin, layer.inputs, layer.units)) return small_forward(layer, rows);
  const Panels<T>& sums = layer.activation ? layer.pre_activation : layer.output;
  if (rows.end - rows.begin == 1) {
    constexpr int kVectors = kP / Vec<T>::kLanes;
    constexpr int kTogether = kVectors < 8 ? 8 / kVectors : 1;  // eight chains: latency times multiply-adds a cycle
    forward_row_panels<T, kTogether>(layer, sums, unit_panels, rows.begin);
    return;
  }
  if (turns_input(layer, rows)) return turned_forward(layer, rows);
  if (rows.end - rows.begin > kRowsTogether<T>) {
    split_rows(rows.end - rows.begin, kRowsTogether<T>, [&](int first, int height) {
      dense_forward(layer, unit_panels, {rows.begin + first, rows.begin + first + height});
    });
    return;
  }
  const int part = resident_part<T>(panels_of<T>(layer.inputs), rows.end - rows.begin) * kP;
  const int block = even_part(part / kP, kBlock / kP) * kP;
  const Slices<T> slices(tiles_of<T>(rows.end - rows.begin));
  int part_start = 0;
  do {  // once even without inputs: the bias alone
    const int part_end = min_of(part_start + part, layer.inputs);
    for (int p = unit_panels.begin; p < unit_panels.end; ++p) {
      const int columns = min_of(kP, layer.units - p * kP);
      int start = part_start;
      do {
        const int depth = min_of(block, part_end - start);
        const bool last = start + depth == layer.inputs;
        const T* const weights = layer.weights.panel(p) + static_cast<ptrdiff_t>(start) * kP;
        const T* next = weights + depth * kP;
        if (start + depth == part_end) {
          const bool last_panel = p + 1 == unit_panels.end;
          next = layer.weights.panel(last_panel ? unit_panels.begin : p + 1) +
                 static_cast<ptrdiff_t>(last_panel ? part_end : part_start) * kP;
        }
        int tile = 0;
        split_rows<T>(rows.end - rows.begin, [&](int first, int height) {
          const ptrdiff_t row = static_cast<ptrdiff_t>(rows.begin + first) * kP;
          T* const z = sums.panel(p) + row;
          const T* const input = layer.input.panel(start / kP) + row;
          multiply_panel<T, Orientation::kRows>(
              {.a = input,
               .a_panel = layer.input.stride,
               .b = weights,
               .initial = start == 0 ? layer.bias + p * kP : z,
               .initial_stride = start == 0 ? 0 : kP,
               .out = z,
               .out_stride = kP,
               .k = depth},
              height, columns,
              {.read = slices.slice(next, depth, tile++), .written = {}, .next_rows = input + height * kP});
          if (last && layer.activation) activate_tile(layer, z, layer.output.panel(p) + row, height, columns);
        });
        start += depth;
      } while (start < part_end);
    }
    part_start = part_end;
  } while (part_start < layer.inputs);
}

// A block of the product, inputs down and batch across, becomes (batch, inputs) and takes its factor φ'.
template <typename T>
inline void finish_input_gradient(const DenseInputGradient<T>& layer, T* block, int input_panel, int batch_panel) {
  constexpr int kP = kPanel<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  const int inputs = min_of(kP, layer.inputs - input_panel * kP);
  const int rows = min_of(kP, layer.rows - batch_panel * kP);
  alignas(64) T turned[kP * kP];
  if (inputs * rows <= kFewElements) {
    for (int b = 0; b < rows; ++b) {
      clear(turned + b * kP, 1);  // row by row: GCC would make all at once a string instruction, slow to start
      for (int i = 0; i < inputs; ++i) turned[b * kP + i] = block[i * kP + b];
    }
  } else {
    if (inputs < kP) clear(turned, rows);
    if (inputs % kLanes != 0) clear(block + inputs * kP, kLanes - inputs % kLanes);
    for (int i = 0; i < inputs; i += kLanes) {
      for (int b = 0; b < rows; b += kLanes) transpose(block + i * kP + b, kP, turned + b * kP + i, kP);
    }
  }
  const ptrdiff_t offset = static_cast<ptrdiff_t>(batch_panel) * kP * kP;
  T* const gradient = layer.gradient.panel(input_panel) + offset;
  if (layer.activation) {
    layer.activation->backward(layer.saved.panel(input_panel) + offset, turned, gradient, rows * kP, layer.parameters);
  } else {
    for (int i = 0; i < rows * kP; i += kLanes) Vec<T>::load(turned + i).store(gradient + i);
  }
  if (!layer.gradient_transposed.data) return;
  transpose_block(gradient,
                  layer.gradient_transposed.panel(batch_panel) + static_cast<ptrdiff_t>(input_panel) * kP * kP, rows,
                  inputs);
}

// Loops: part of the inputs (those rows of W stay in L2), panel of the batch, block of units, tile of inputs.
template <typename T>
void dense_input_gradient(const DenseInputGradient<T>& layer, Range input_panels) {
  constexpr int kP = kPanel<T>;
  if (turns_weights(layer)) return turned_input_gradient(layer, input_panels);
  constexpr int kPart = 8;  // chains between one block of units and the next: 8 blocks of 32 × 32 float32 are 32 KiB
  alignas(64) T blocks[kPart][kP * kP];
  const int part = resident_part<T>(input_panels.end - input_panels.begin, layer.units, kPart);
  const int block = even_part(panels_of<T>(layer.units), kBlock / kP) * kP;
  for (int p = input_panels.begin; p < input_panels.end; p += part) {
    const int part_end = min_of(p + part, input_panels.end);
    const int inputs = min_of(part_end * kP, layer.inputs) - p * kP;
    const Slices<T> slices(tiles_of<T>(inputs));
    for (int q = 0; q * kP < layer.rows; ++q) {
      int start = 0;
      do {  // once even without units: the sums are zero
        const int depth = min_of(block, layer.units - start);
        const T* const delta = layer.delta_transposed.panel(q) + static_cast<ptrdiff_t>(start) * kP;
        int tile = 0;
        split_rows<T>(inputs, [&](int first, int height) {
          T* const out = blocks[0] + first * kP;
          const T* const weights = layer.weights.panel(start / kP) + static_cast<ptrdiff_t>(p * kP + first) * kP;
          multiply_panel<T, Orientation::kRows>({.a = weights,
                                                 .a_panel = layer.weights.stride,
                                                 .b = delta,
                                                 .initial = start == 0 ? kZeroRow<T> : out,
                                                 .initial_stride = start == 0 ? 0 : kP,
                                                 .out = out,
                                                 .out_stride = kP,
                                                 .k = depth},
                                                height, min_of(kP, layer.rows - q * kP),
                                                {.read = slices.slice(delta + depth * kP, depth, tile++),
                                                 .written = {},
                                                 .next_rows = weights + height * kP});
        });
        start += depth;
      } while (start < layer.units);
      for (int i = p; i < part_end; ++i) finish_input_gradient(layer, blocks[i - p], i, q);
    }
  }
}

// Loops: part of the inputs (that part of the batch stays in L2), panel of units, panel of inputs: visit(p, q, how many
// blocks of the part came before with the same p).
template <typename T, typename Visit>
inline void for_blocks(const DenseWeightGradient<T>& layer, Range unit_panels, Range input_panels, int part,
                       Visit visit) {
  int start = input_panels.begin;
  do {  // once even without inputs: the bias alone
    for (int p = unit_panels.begin; p < unit_panels.end; ++p) {
      if (start == 0 && (layer.update ? layer.bias : layer.bias_gradient)) bias_gradient(layer, p);
      for (int q = start; q < min_of(start + part, input_panels.end); ++q) visit(p, q, q - start);
    }
    start += part;
  } while (start < input_panels.end);
}

// With more rows, an update between the blocks is a small part of the time: from 128 on, this gains nothing.
constexpr int kUpdateRows = 64;

template <typename T>
void update_by_rows(const DenseWeightGradient<T>& layer, Range unit_panels, Range input_panels, int part,
                    const UpcomingRows& upcoming) {
  constexpr int kP = kPanel<T>;
  const Update<T>& update = *layer.update;
  const int blocks = (unit_panels.end - unit_panels.begin) * (input_panels.end - input_panels.begin);
  int done = 0;
  for_blocks(layer, unit_panels, input_panels, part, [&](int p, int q, int) {
    fetch_rows(upcoming.part({done, done + 1}, blocks));
    ++done;
    const ptrdiff_t position = layer.weights.stride * p + static_cast<ptrdiff_t>(q) * kP * kP;
    T* slots[kMaxSlots];
    for (int s = 0; s < update.optimizer->slots; ++s) slots[s] = update.weight_slots[s] + position;
    update.optimizer->update_by_rows(layer.weights.data + position, layer.input.panel(q), layer.delta.panel(p), slots,
                                     layer.rows, min_of(kP, layer.inputs - q * kP), min_of(kP, layer.units - p * kP),
                                     update.constants);
  });
}

// The weights or gradients of the block at `position`, and one slot of its update after the other: one for each tile,
// so that they are near once the block is finished.
template <typename T>
inline Ahead ahead_of_update(const DenseWeightGradient<T>& layer, ptrdiff_t position, int tile, int depth) {
  constexpr int kCount = kPanel<T> * kPanel<T>;
  constexpr int kHalf = kCount / 2 * static_cast<int>(sizeof(T));
  const bool slot = layer.update && tile > 0 && tile <= layer.update->optimizer->slots;
  const T* const values = layer.update ? layer.weights.data : layer.gradient.data;
  const T* const array = (slot ? layer.update->weight_slots[tile - 1] : values) + position;
  const int prefetches = depth < 4 ? 1 : depth / 4;
  const ptrdiff_t step = (kHalf + prefetches - 1) / prefetches;
  return {.read = {},
          .written = {{.at = array, .step = step}, {.at = array + kCount / 2, .step = step}},
          .next_rows = nullptr};
}

// Before one of a block's tiles: the weights that the update will write. The first tile has brought them in, and those
// of the second half take over some each, so that the stores wait beside products.
template <typename T>
inline void take_over_weights(const DenseWeightGradient<T>& layer, ptrdiff_t position, int inputs, int tile) {
  const int tiles = tiles_of<T>(inputs), before = (tiles + 1) / 2;
  if (!layer.update || tile < before) return;
  const Range part = part_of(inputs, {tile - before, tile - before + 1}, tiles - before);
  T* const weights = layer.weights.data + position;
  take_over(weights + part.begin * kPanel<T>, weights + part.end * kPanel<T>);
}

// Loops: those of for_blocks(), then block of the batch, tile of inputs.
template <typename T>
void dense_weight_gradient(const DenseWeightGradient<T>& layer, Range unit_panels, Range input_panels,
                           const UpcomingRows& upcoming) {
  constexpr int kP = kPanel<T>;
  if (turns_gradient(layer)) return turned_weight_gradient(layer, input_panels, upcoming);
  const int part = resident_part<T>(input_panels.end - input_panels.begin, layer.rows);
  const bool penalty = layer.update && (layer.update->l1 != 0 || layer.update->l2 != 0);
  if (layer.rows <= kUpdateRows && layer.update && !penalty && !layer.accumulate) {
    return update_by_rows(layer, unit_panels, input_panels, part, upcoming);
  }
  alignas(64) T block[kP * kP];
  constexpr int kTiles = tiles_of<T>(kP);
  const int block_rows = even_part(layer.rows, kBlock);
  const Slices<T> slices(part * kTiles);
  Pieces pieces(upcoming);
  for_blocks(layer, unit_panels, input_panels, part, [&](int p, int q, int before) {
    const T* const next = layer.delta.panel(p + 1 < unit_panels.end ? p + 1 : unit_panels.begin);
    const int inputs = min_of(kP, layer.inputs - q * kP), units = min_of(kP, layer.units - p * kP);
    const ptrdiff_t stride = layer.update ? layer.weights.stride : layer.gradient.stride;
    const ptrdiff_t position = stride * p + static_cast<ptrdiff_t>(q) * kP * kP;
    T* const sums = layer.update ? block : layer.gradient.data + position;
    int start = 0;
    do {
      const int depth = min_of(block_rows, layer.rows - start);
      const bool fresh = start == 0 && !layer.accumulate;
      int t = 0;
      split_rows<T>(inputs, [&](int first, int height) {
        T* const out = sums + first * kP;
        Ahead ahead = ahead_of_update(layer, position, t, depth);
        ahead.read =
            pieces.done() ? slices.slice(next + start * kP, depth, before * kTiles + t) : pieces.next(depth / 4);
        if (start == 0) take_over_weights(layer, position, inputs, t);
        ++t;
        multiply_panel<T, Orientation::kColumns>(
            {.a = layer.input.panel(q) + static_cast<ptrdiff_t>(start) * kP + first,
             .a_panel = 0,
             .b = layer.delta.panel(p) + static_cast<ptrdiff_t>(start) * kP,
             .initial = fresh ? kZeroRow<T> : out,
             .initial_stride = fresh ? 0 : kP,
             .out = out,
             .out_stride = kP,
             .k = depth},
            height, units, ahead);
      });
      start += depth;
    } while (start < layer.rows);
    if (layer.update) update_block(layer, block, position, inputs, units);
  });
}

template <typename T>
void multiply(const T* a, const T* b, T* product, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += Vec<T>::kLanes) (Vec<T>::load(a + i) * Vec<T>::load(b + i)).store(product + i);
}
