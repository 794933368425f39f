// The contract between the trainer and an instruction set: one KernelTable per dtype, filled by each file of isa/.
//
// All matrices in here lie in panels, so that every product reads and writes contiguous memory whatever the width:
// element (r, c) is data[(c / kPanel) * stride + r * kPanel + c % kPanel]. Columns that pad the last panel hold zero in
// weights, biases and deltas, and arbitrary finite numbers elsewhere; no sum runs over them.
//
// Each output of a product is one chain of multiply-adds over k in order, starting from its initial value. Blocking and
// threads split outputs or store and reload the chain, so they never change a bit.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "numbers.h"

namespace chainrule {

// 128 bytes: two AVX-512 vectors, the widest column tile of any ISA; narrower ones cut it into several tiles.
template <typename T>
inline constexpr int kPanel = 128 / static_cast<int>(sizeof(T));

template <typename T>
constexpr int panels_of(int columns) {
  return (columns + kPanel<T> - 1) / kPanel<T>;
}

// Rows to allot for a matrix that is written in whole blocks.
template <typename T>
constexpr int padded_rows(int rows) {
  return panels_of<T>(rows) * kPanel<T>;
}

inline constexpr int kMaxSlots = 4;
inline constexpr int kMaxConstants = 8;
inline constexpr int kMaxParameters = 4;  // of an activation or a loss
inline constexpr int kMaxState = 4;

// Half-open.
struct Range {
  int begin;
  int end;
};

// What of [0, count) falls to the part `range` of [0, whole).
inline Range part_of(int count, Range range, int whole) {
  return {static_cast<int>(int64_t{count} * range.begin / whole), static_cast<int>(int64_t{count} * range.end / whole)};
}

template <typename T>
struct Panels {
  T* data;
  ptrdiff_t stride;  // elements from one panel to the next

  T* panel(int p) const { return data + p * stride; }
};

// (rows, width) in panels, for functions that need a whole row.
template <typename T>
struct RowwiseForward {
  Panels<const T> input;
  Panels<T> output;
  int width;
  const T* parameters;
};

template <typename T>
struct RowwiseBackward {
  Panels<const T> saved;
  Panels<const T> gradient;
  Panels<T> delta;  // may be gradient
  int width;
  const T* parameters;
};

// Either the elementwise pair or the row-wise pair is set, or neither: the identity. Counts are multiples of kPanel.
template <typename T>
struct ActivationKernel {
  const char* name;
  int parameters = 0;
  bool saves_pre_activation = false;  // the derivative reads the pre-activation, else the output
  void (*forward)(const T* input, T* output, ptrdiff_t count, const T* parameters) = nullptr;
  void (*backward)(const T* saved, const T* gradient, T* delta, ptrdiff_t count, const T* parameters) = nullptr;
  void (*forward_rows)(const RowwiseForward<T>&, Range rows) = nullptr;
  void (*backward_rows)(const RowwiseBackward<T>&, Range rows) = nullptr;

  constexpr bool rowwise() const { return forward_rows != nullptr; }
  constexpr bool identity() const { return !forward && !forward_rows; }
};

template <typename T>
struct LossRows {
  Panels<const T> prediction;
  Panels<const T> target;  // unless classes
  const int32_t* classes;  // one per row, or null
  Panels<T> gradient;      // scale[row] · ∂lᵣ/∂prediction, padding zero
  int width;
  const T* parameters;
  const T* scale;    // (rows)
  double* row_loss;  // (rows): lᵣ, unscaled
};

template <typename T>
struct LossKernel {
  const char* name;
  int parameters;
  void (*rows)(const LossRows<T>&, Range rows);
};

template <typename T>
struct OptimizerKernel {
  const char* name;
  int parameters;
  int slots;
  // The scalars of one update; `step` counts the updates done before it. `state` holds kMaxState numbers that stay from
  // one update to the next, all 0 at step 0.
  void (*prepare)(const double* parameters, int64_t step, double learning_rate, double* state, T* constants);
  // Of rows of kPanel weights, the first `columns`, and maybe what follows them. Slots are laid out as the weights.
  void (*update)(T* weights, const T* gradient, T* const* slots, ptrdiff_t rows, int columns, const T* constants);
  // The same for the weights from `inputs` inputs, kPanel at most, to the first `units` units of one panel, with the
  // gradient inputᵀ · delta of `rows` rows: where they are few, to store it and go through it may take as long as
  // all else.
  void (*update_by_rows)(T* weights, const T* input, const T* delta, T* const* slots, int rows, int inputs, int units,
                         const T* constants);
};

// One update of one layer: what the weight-gradient product applies to each block it finishes.
template <typename T>
struct Update {
  const OptimizerKernel<T>* optimizer = nullptr;
  const T* constants = nullptr;
  T* weight_slots[kMaxSlots] = {};  // each laid out as the weights
  T* bias_slots[kMaxSlots] = {};
  T l1 = 0, l2 = 0;  // penalties of the weights, see add_penalty
};

// Elements of a block that are transposed in less time one by one than in vectors.
inline constexpr int kFewElements = 64;

// Products that are done before it pays to prepare them: all of an operand lies in one panel. So many rows, inputs and
// units at most, and few weights, since they are transposed one by one.
inline constexpr int kSmall = 16;
constexpr bool is_small(int rows, int inputs, int units) {
  return rows <= kSmall && inputs <= kSmall && units <= kSmall && inputs * units <= kFewElements &&
         rows * inputs * units > 0;
}

// Units of which the weights, a single panel, are transposed in less time than what is computed with them.
template <typename T>
constexpr bool has_few_units(int units) {
  return units <= kPanel<T>;
}

// output = φ(input · weights + 1 bias)
template <typename T>
struct DenseForward {
  int rows, inputs, units;
  Panels<const T> input;                  // (rows, inputs)
  Panels<const T> weights;                // (inputs, units)
  const T* bias;                          // (units), padded; zeros where there is none
  Panels<T> pre_activation;               // (rows, units); the same as output where it is not kept
  Panels<T> output;                       // (rows, units)
  const ActivationKernel<T>* activation;  // elementwise, or null for the identity
  const T* parameters;
};

// gradient = (delta · weightsᵀ) ⊙ φ'(saved), computed as (weights · deltaᵀ)ᵀ
template <typename T>
struct DenseInputGradient {
  int rows, inputs, units;
  Panels<const T> weights;                // (inputs, units)
  Panels<const T> delta;                  // (rows, units), read where there are few rows or few units
  Panels<const T> delta_transposed;       // (units, rows), read elsewhere
  const ActivationKernel<T>* activation;  // elementwise, or null for the identity
  const T* parameters;
  Panels<const T> saved;               // (rows, inputs)
  Panels<T> gradient;                  // (rows, inputs)
  Panels<T> gradient_transposed = {};  // (inputs, rows), with room for padded_rows(inputs); data null: not wanted
};

// Rows, by their numbers, that lie anywhere in memory and will be read soon: no processor foresees them.
struct UpcomingRows {
  const char* data = nullptr;
  ptrdiff_t row_bytes = 0;
  const uint32_t* order = nullptr;
  int count = 0;

  // The part of them that falls to the part `range` of [0, whole).
  UpcomingRows part(Range range, int whole) const {
    if (count == 0) return {};
    const Range own = part_of(count, range, whole);
    return {data, row_bytes, order + own.begin, own.end - own.begin};
  }
};

// inputᵀ · delta and the column sums of delta: stored, added to what is there, or applied by `update`.
template <typename T>
struct DenseWeightGradient {
  int rows, inputs, units;
  Panels<const T> input;  // (rows, inputs)
  Panels<const T> delta;  // (rows, units)
  Panels<T> gradient;     // (inputs, units); unless update
  T* bias_gradient;       // (units), padded; null where there is no bias
  bool accumulate;        // continue the chains in gradient and bias_gradient
  const Update<T>* update;
  Panels<T> weights;
  T* bias;
};

// output = gamma ⊙ (input − mean) ⊙ inverse_deviation + beta, a mean and a deviation for each column: those of these
// rows while training, when the moving ones follow them, otherwise the moving ones. Vectors are (width), padded.
template <typename T>
struct BatchNormalization {
  int rows, width;
  Panels<const T> input;
  Panels<T> output;
  const T* gamma;
  const T* beta;
  T* mean;               // out: what was subtracted
  T* inverse_deviation;  // out: what it was multiplied by, 1 / √(variance + epsilon)
  T* moving_mean;
  T* moving_variance;
  T momentum;  // share of these rows in the moving statistics
  T epsilon;
  bool training;
};

// Where not training, mean and inverse_deviation are constants to the derivative.
template <typename T>
struct BatchNormalizationBackward {
  int rows, width;
  Panels<const T> input;
  Panels<const T> gradient;  // of the output
  const T* gamma;
  const T* mean;
  const T* inverse_deviation;
  Panels<T> input_gradient;  // may be gradient; data null: not wanted
  T* gamma_gradient;         // null: not wanted
  T* beta_gradient;          // null: not wanted
  bool accumulate;           // add to what is in gamma_gradient and beta_gradient
  bool training;
};

// The same with a mean and a deviation for each row.
template <typename T>
struct LayerNormalization {
  int width;
  Panels<const T> input;
  Panels<T> output;
  const T* gamma;        // (width), padded
  const T* beta;         // (width), padded
  T* mean;               // (rows), out
  T* inverse_deviation;  // (rows), out
  T epsilon;
};

template <typename T>
struct LayerNormalizationBackward {
  int rows, width;
  Panels<const T> input;
  Panels<const T> gradient;  // of the output
  const T* gamma;
  const T* mean;
  const T* inverse_deviation;
  Panels<T> input_gradient;  // may be gradient, if the parameters' come first
  T* gamma_gradient;         // (width), padded
  T* beta_gradient;          // (width), padded
  bool accumulate;           // continue the chains in gamma_gradient and beta_gradient
};

// C = op(A) op(B), or C += where accumulate; row-major, or any two strides per operand.
template <typename T>
struct Gemm {
  int m, n, k;
  const T* a;
  ptrdiff_t a_row, a_column;
  const T* b;
  ptrdiff_t b_row, b_column;
  T* c;
  ptrdiff_t ldc;
  bool accumulate;
  T* workspace;  // gemm_workspace(m, n, k) elements, 64-byte aligned
};

struct DropoutMask {
  double rate;
  uint32_t seed, update, layer;
  uint32_t first_row;  // position within the whole batch of row 0
};

template <typename T>
struct KernelTable {
  const ActivationKernel<T>* activations;
  int activation_count;
  const LossKernel<T>* losses;
  int loss_count;
  const OptimizerKernel<T>* optimizers;
  int optimizer_count;

  // Rows of the caller's numbers, (rows, width), into panels of the dtype.
  void (*gather)(const Numbers& numbers, int width, const RowSequence&, Range rows, Panels<T> to);
  void (*dense_forward)(const DenseForward<T>&, Range unit_panels, Range rows);
  void (*dense_input_gradient)(const DenseInputGradient<T>&, Range input_panels);
  // Brings upcoming rows into the second-level cache, one at most with each tile: memory works while the core
  // multiplies. With few rows or units an even part of them is asked for before each block.
  void (*dense_weight_gradient)(const DenseWeightGradient<T>&, Range unit_panels, Range input_panels,
                                const UpcomingRows& upcoming);
  // (rows, columns) to (columns, rows), the given panels of the source. The destination has room for
  // padded_rows(columns).
  void (*transpose)(Panels<const T> source, Panels<T> destination, int rows, int columns, Range column_panels);
  void (*multiply)(const T* a, const T* b, T* product, ptrdiff_t count);
  // Factors 0 or 1 / (1 − rate) for (rows, columns).
  void (*dropout_mask)(const DropoutMask&, Panels<T> mask, int columns, Range rows);

  void (*batch_normalization)(const BatchNormalization<T>&, Range panels);
  void (*batch_normalization_backward)(const BatchNormalizationBackward<T>&, Range panels);
  void (*layer_normalization)(const LayerNormalization<T>&, Range rows);
  // The gradient of the input, and those of the parameters.
  void (*layer_normalization_backward_rows)(const LayerNormalizationBackward<T>&, Range rows);
  void (*layer_normalization_backward_columns)(const LayerNormalizationBackward<T>&, Range panels);

  // Counts are multiples of kPanel. gradient += l1 sign(w) + 2 l2 w, the derivative of l1 Σ|w| + l2 Σw².
  void (*add_penalty)(const T* weights, T* gradient, ptrdiff_t count, T l1, T l2);
  double (*sum_of_magnitudes)(const T* values, ptrdiff_t count);
  double (*sum_of_squares)(const T* values, ptrdiff_t count);
  void (*scale)(T* values, ptrdiff_t count, T factor);
  void (*clamp)(T* values, ptrdiff_t count, T limit);  // into [−limit, limit]
  void (*non_negative)(T* values, ptrdiff_t count);    // negative ones become 0
  // Columns of one panel, (inputs, kPanel), whose L2 norm exceeds the limit are scaled down to it.
  void (*max_norm)(T* weights_panel, int inputs, T limit);

  void (*gemm)(const Gemm<T>&);
  ptrdiff_t (*gemm_workspace)(int m, int n, int k);
  // Position of the first NaN or infinity, or −1.
  ptrdiff_t (*first_not_finite)(const T* values, ptrdiff_t count);
  // Runs `rounds` of independent multiply-adds in registers; returns the floating-point operations done.
  double (*peak)(int64_t rounds);
};

struct InstructionSet {
  const char* name;
  KernelTable<float> float32;
  KernelTable<double> float64;
};

}  // namespace chainrule
