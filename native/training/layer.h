// A layer owns what training it needs: parameters, optimizer state, activations and gradients, all in panels.
//
// Gradients travel as deltas: whoever makes the gradient at a layer's output multiplies it by the layer's elementwise
// derivative() in the same go, so that layer starts from ∂L/∂(pre-activation).
#pragma once

#include <vector>

#include "../kernels/kernels.h"
#include "input_rows.h"
#include "panel_buffer.h"
#include "parameter.h"
#include "plan.h"
#include "split.h"
#include "thread_team.h"

namespace chainrule {

// The rows that go through the layers together: a batch, or a part of a large one; or some of those, which one thread
// takes through several layers by itself.
template <typename T>
struct Pass {
  const KernelTable<T>& kernels;
  ThreadTeam& team;
  int rows;
  bool training;
  uint32_t first_row;  // position in the batch of row 0 of the layers' buffers
  uint32_t update;     // keys the dropout masks
  uint32_t seed;
  UpcomingRows upcoming;  // of the next pass, as far as known
  int offset = 0;         // of its rows in the layers' buffers; on the way back whole panels of a transposed matrix

  Pass part(Range range, ThreadTeam& alone) const { return part_at(offset + range.begin, range, alone); }
  // The same, but where row `to` of the buffers is.
  Pass part_at(int to, Range range, ThreadTeam& alone) const {
    const uint32_t first = first_row + static_cast<uint32_t>(offset + range.begin - to);
    return {kernels, alone, range.end - range.begin, training, first, update, seed, {}, to};
  }
  Range range() const { return {offset, offset + rows}; }
  // Its rows of (rows, …), and of a transposed (…, rows).
  template <typename U>
  Panels<U> rows_of(Panels<U> panels) const {
    return {panels.data + static_cast<ptrdiff_t>(offset) * kPanel<T>, panels.stride};
  }
  template <typename U>
  Panels<U> columns_of(Panels<U> panels) const {
    return {panels.panel(offset / kPanel<T>), panels.stride};
  }
};

// The factor φ' of an elementwise activation; the identity's where activation is null.
template <typename T>
struct Derivative {
  const ActivationKernel<T>* activation = nullptr;
  const T* parameters = nullptr;
  Panels<const T> saved = {};
};

// Where a layer leaves what the one below it starts from on the way back.
template <typename T>
struct Below {
  Panels<T> gradient = {};             // at that one's output, times its derivative; data null: not wanted
  Panels<T> gradient_transposed = {};  // a second time, see Layer::gradient_transposed()
  Derivative<T> derivative = {};
};

// What becomes of parameter gradients.
template <typename T>
struct Sink {
  enum class Kind { kNone, kUpdate, kStore, kAdd };
  Kind kind = Kind::kNone;
  const OptimizerKernel<T>* optimizer = nullptr;  // for kUpdate
  const T* constants = nullptr;

  static Sink none() { return {}; }
  static Sink update(const OptimizerKernel<T>& optimizer, const T* constants) {
    return {Kind::kUpdate, &optimizer, constants};
  }
  // The first part of a batch is stored, the others are added to it.
  static Sink part(bool first) { return {first ? Kind::kStore : Kind::kAdd}; }

  bool wanted() const { return kind != Kind::kNone; }
  bool accumulates() const { return kind == Kind::kAdd; }
};

// What one thread of the team does of a layer's parameter gradients: parts `range` of so many.
struct GradientPart {
  bool whole() const { return range.end - range.begin == parts; }

  Range range;
  int parts;
  int thread;
  UpcomingRows upcoming;  // to be brought in meanwhile
};

template <typename T>
class Layer {
 public:
  virtual ~Layer() = default;
  // In the order in which they cross.
  virtual std::vector<Parameter<T>*> parameters() { return {}; }
  // Makes room for that many rows in a pass.
  virtual void reserve(int rows) = 0;
  // Before passes like this one go through, or the parts they are cut into. All rows of the input lie in `input`, or
  // each thread has them in `own`.
  virtual void begin_passes(const Pass<T>&, Panels<const T> input, InputRows<T>* own) {
    input_ = input;
    own_input_ = own;
  }
  // Whether it minds `own`.
  virtual bool reads_own_input() const { return false; }
  virtual void forward(const Pass<T>& pass) = 0;
  virtual Panels<const T> output() const = 0;
  // Where the gradient at the output, times derivative(), is expected before backward().
  virtual Panels<T> gradient() const = 0;
  // Where a dense layer above writes it transposed, too, while its blocks are in L1: data null unless there is one.
  virtual Panels<T> gradient_transposed() const { return {}; }
  virtual Derivative<T> derivative() const = 0;
  // Writes the gradient at the input, times the layer's below, unless it is not wanted. A layer that makes the
  // gradients of its parameters on the way gives them to `sink`.
  virtual void backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>& sink) = 0;

  // Of the layers that need the rows of a pass one by one: what forward() and backward() cost, counted as in split.h,
  // if several threads had better take rows of theirs through this layer and those above; 0 if not.
  virtual int64_t work_by_rows(const Pass<T>&) const { return 0; }

  // For layers that make the gradients of their parameters afterwards, parts of them on different threads. What there
  // is to share of it after passes like this one, whose rows different threads took through this layer where `by_rows`.
  // Before any go to a sink that updates, the layer is told of it.
  virtual int64_t plan_gradients(const Pass<T>&, bool /*by_rows*/) { return 0; }
  virtual void begin_updates(const Sink<T>&) {}
  virtual void parameter_gradients(const Pass<T>&, const Sink<T>&, const GradientPart&) {}

  // Where a loss reads the pre-activation and gives its gradient itself, the last layer's forward() leaves the
  // activation out until activate().
  virtual bool has_pre_activation() const { return false; }
  virtual void set_stops_at_pre_activation(bool) {}
  virtual Panels<const T> pre_activation() const { return output(); }
  virtual void activate(const Pass<T>&) {}

  // The regularization penalty at the present parameters, and its derivative added to the stored gradients.
  virtual double penalty() const { return 0; }
  virtual void add_penalty_gradient() {}

  // Before the passes of a batch, and after the update they led to, if they did.
  virtual void begin_batch() {}
  virtual void end_update(ThreadTeam&) {}

 protected:
  Panels<const T> input_ = {};
  InputRows<T>* own_input_ = nullptr;
};

// delta = gradient ⊙ factor, for gradients not made by a product.
template <typename T>
void apply_derivative(const Pass<T>& pass, const Derivative<T>& derivative, Panels<T> gradient, int columns) {
  if (!derivative.activation) return;
  for_range(pass.team, static_cast<int64_t>(pass.rows) * columns * kElementwiseCost, panels_of<T>(columns),
            [&](Range range) {
              for (int p = range.begin; p < range.end; ++p) {
                T* const delta = pass.rows_of(gradient).panel(p);
                derivative.activation->backward(pass.rows_of(derivative.saved).panel(p), delta, delta,
                                                static_cast<ptrdiff_t>(pass.rows) * kPanel<T>, derivative.parameters);
              }
            });
}

}  // namespace chainrule
