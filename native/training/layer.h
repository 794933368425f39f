// A layer owns what training it needs: parameters, optimizer state, activations and gradients, all in panels.
//
// Gradients travel as deltas: whoever makes the gradient at a layer's output multiplies it by the layer's elementwise
// derivative() in the same go, so that layer starts from ∂L/∂(pre-activation).
#pragma once

#include "../kernels/kernels.h"
#include "panel_buffer.h"
#include "plan.h"
#include "split.h"
#include "thread_team.h"

namespace chainrule {

// The rows that go through the layers together: a batch, or a part of a large one.
template <typename T>
struct Pass {
  const KernelTable<T>& kernels;
  ThreadTeam& team;
  int rows;
  bool training;
  uint32_t first_row;  // position in the batch
  uint32_t update;     // keys the dropout masks
  uint32_t seed;
};

// The factor φ' of an elementwise activation; the identity's where activation is null.
template <typename T>
struct Derivative {
  const ActivationKernel<T>* activation = nullptr;
  const T* parameters = nullptr;
  Panels<const T> saved = {};
};

// What becomes of weight gradients: an update in the epilogue, or stored, the first part of a batch fresh and the
// others added.
template <typename T>
struct Sink {
  const OptimizerKernel<T>* optimizer = nullptr;
  const T* constants = nullptr;
  bool accumulate = false;
};

template <typename T>
class Layer {
 public:
  virtual ~Layer() = default;
  // Makes room for that many rows in a pass.
  virtual void reserve(int rows) = 0;
  virtual void forward(const Pass<T>& pass, Panels<const T> input) = 0;
  virtual Panels<const T> output() const = 0;
  // Where the gradient at the output, times derivative(), is expected before backward().
  virtual Panels<T> gradient() const = 0;
  virtual Derivative<T> derivative() const = 0;
  // Writes the gradient at the input, times `below`, to `input_gradient` unless its data is null.
  virtual void backward(const Pass<T>& pass, Panels<const T> input, Panels<T> input_gradient,
                        const Derivative<T>& below, const Sink<T>& sink) = 0;
};

// delta = gradient ⊙ factor, for gradients not made by a product.
template <typename T>
void apply_derivative(const Pass<T>& pass, const Derivative<T>& derivative, Panels<T> gradient, int columns) {
  if (!derivative.activation) return;
  for_range(pass.team, static_cast<int64_t>(pass.rows) * columns * kElementwiseCost, panels_of<T>(columns),
            [&](Range range) {
              for (int p = range.begin; p < range.end; ++p) {
                T* const delta = gradient.panel(p);
                derivative.activation->backward(derivative.saved.panel(p), delta, delta,
                                                static_cast<ptrdiff_t>(pass.rows) * kPanel<T>, derivative.parameters);
              }
            });
}

}  // namespace chainrule
