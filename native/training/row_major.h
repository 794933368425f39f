// The stateless kernels over row-major matrices: operands go into panels, through the very functions that the trainer
// runs, and back.
#pragma once

#include "../kernels/kernels.h"
#include "call_resources.h"
#include "plan.h"

namespace chainrule {

template <typename T>
struct Matrix {
  T* data;
  ptrdiff_t leading;  // elements from one row to the next

  explicit operator bool() const { return data != nullptr; }
};

template <typename T>
struct RowMajorForward {
  int rows, inputs, units;
  Matrix<const T> x;        // (rows, inputs)
  Matrix<const T> weights;  // (inputs, units)
  const T* bias;            // (units), or null
  ActivationPlan activation;
  Matrix<T> pre_activation;  // (rows, units), or null
  Matrix<T> output;          // (rows, units)
};

template <typename T>
struct RowMajorUpdate {
  OptimizerPlan optimizer;
  double learning_rate;
  int64_t step;
  T* weight_slots[kMaxSlots];  // (inputs, units), dense
  T* bias_slots[kMaxSlots];    // (units)
};

template <typename T>
struct RowMajorBackward {
  int rows, inputs, units;
  Matrix<const T> delta;  // (rows, units)
  Matrix<T> weights;      // (inputs, units)
  T* bias;                // (units), or null
  Matrix<const T> x;      // (rows, inputs), or null
  ActivationPlan input_activation;
  Matrix<const T> saved;            // (rows, inputs), or null with the identity
  Matrix<T> input_gradient;         // (rows, inputs), or null
  T* weight_gradient;               // (inputs, units), dense, or null
  T* bias_gradient;                 // (units), or null
  const RowMajorUpdate<T>* update;  // or null
};

template <typename T>
struct RowMajorLoss {
  int rows, outputs;
  LossPlan loss;
  const T* prediction;
  const T* y;
  const int32_t* classes;
  const double* weights;
  double divisor;
  T* gradient;
};

template <typename T>
struct RowMajorKernels {
  const KernelTable<T>& kernels;

  // Splits C between threads; each computes its part as if alone.
  void gemm(const Gemm<T>& product, int threads, CallResources& resources) const;
  void dense_forward(const RowMajorForward<T>& layer) const;
  void dense_backward(const RowMajorBackward<T>& layer) const;
  void activation_forward(const ActivationPlan& plan, int rows, int columns, const T* input, T* output) const;
  void activation_backward(const ActivationPlan& plan, int rows, int columns, const T* saved, const T* gradient,
                           T* delta) const;
  double loss(const RowMajorLoss<T>& args) const;
  void dropout_mask(const DropoutMask& mask, int rows, int columns, T* factors) const;
  // Where the first number that is not finite lies, or -1.
  ptrdiff_t first_not_finite(const T* values, ptrdiff_t count, int threads, CallResources& resources) const;
};

}  // namespace chainrule
