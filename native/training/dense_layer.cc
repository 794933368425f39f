#include "dense_layer.h"

#include <string.h>

#include "registry.h"

namespace chainrule {
template <typename T>
DenseLayer<T>::DenseLayer(const LayerPlan& plan, const KernelTable<T>& kernels, bool last)
    : inputs_(plan.inputs),
      units_(plan.units),
      has_bias_(plan.bias),
      activation_(find_activation(kernels, plan.activation)),
      keeps_pre_activation_(!activation_->identity() &&
                            (last || activation_->rowwise() || activation_->saves_pre_activation)),
      weights_(plan.inputs, plan.units),
      bias_(panels_of<T>(plan.units) * kPanel<T>) {
  copy_parameters(plan.activation.parameters, parameters_);
}

template <typename T>
void DenseLayer<T>::reserve(int rows) {
  if (rows <= reserved_) return;
  reserved_ = rows;
  if (keeps_pre_activation_) pre_activation_ = PanelBuffer<T>(rows, units_);
  output_ = PanelBuffer<T>(rows, units_);
  gradient_ = PanelBuffer<T>(rows, units_);
  delta_transposed_ = PanelBuffer<T>(padded_rows<T>(units_), rows);
}

template <typename T>
void DenseLayer<T>::forward(const Pass<T>& pass, Panels<const T> input) {
  const bool epilogue = activates_in_epilogue();
  const DenseForward<T> product = {.rows = pass.rows,
                                   .inputs = inputs_,
                                   .units = units_,
                                   .input = input,
                                   .weights = constant(weights_.panels()),
                                   .bias = bias_.data(),
                                   .pre_activation = sums().panels(),
                                   .output = epilogue ? output_.panels() : sums().panels(),
                                   .activation = epilogue ? activation_ : nullptr,
                                   .parameters = parameters_};
  constexpr int kRowUnit = 8;  // rows that fill most of a tile
  for_grid(pass.team, work(pass), panels_of<T>(units_), pass.rows, kRowUnit,
           [&](Range panels, Range rows) { pass.kernels.dense_forward(product, panels, rows); });
  if (!epilogue && !stops_at_pre_activation_) activate(pass);
}

template <typename T>
void DenseLayer<T>::activate(const Pass<T>& pass) {
  if (!keeps_pre_activation_) return;  // the identity, in place
  const Panels<T> z = pre_activation_.panels();
  const Panels<T> a = output_.panels();
  const int64_t cost = static_cast<int64_t>(pass.rows) * units_ * kElementwiseCost;
  for_range(pass.team, cost, pass.rows, [&](Range rows) {
    if (activation_->rowwise()) {
      activation_->forward_rows({constant(z), a, units_, parameters_}, rows);
      return;
    }
    const ptrdiff_t at = static_cast<ptrdiff_t>(rows.begin) * kPanel<T>;
    const ptrdiff_t count = static_cast<ptrdiff_t>(rows.end - rows.begin) * kPanel<T>;
    for (int p = 0; p < panels_of<T>(units_); ++p) {
      activation_->forward(z.panel(p) + at, a.panel(p) + at, count, parameters_);
    }
  });
}

template <typename T>
Derivative<T> DenseLayer<T>::derivative() const {
  if (activation_->identity() || activation_->rowwise() || stops_at_pre_activation_) return {};
  const PanelBuffer<T>& saved = activation_->saves_pre_activation ? pre_activation_ : output_;
  return {activation_, parameters_, constant(saved.panels())};
}

template <typename T>
void DenseLayer<T>::backward(const Pass<T>& pass, Panels<const T> input, Panels<T> input_gradient,
                             const Derivative<T>& below, const Sink<T>& sink) {
  const Panels<T> delta = gradient_.panels();
  if (activation_->rowwise() && !stops_at_pre_activation_) {
    const PanelBuffer<T>& saved = activation_->saves_pre_activation ? pre_activation_ : output_;
    const RowwiseBackward<T> rowwise = {constant(saved.panels()), constant(delta), delta, units_, parameters_};
    for_range(pass.team, static_cast<int64_t>(pass.rows) * units_ * kElementwiseCost, pass.rows,
              [&](Range rows) { activation_->backward_rows(rowwise, rows); });
  }
  if (input_gradient.data) {
    const Panels<T> transposed = delta_transposed_.panels();
    for_range(pass.team, static_cast<int64_t>(pass.rows) * units_ * kElementwiseCost, panels_of<T>(units_),
              [&](Range panels) { pass.kernels.transpose(constant(delta), transposed, pass.rows, units_, panels); });
    const DenseInputGradient<T> product = {.rows = pass.rows,
                                           .inputs = inputs_,
                                           .units = units_,
                                           .weights = constant(weights_.panels()),
                                           .delta_transposed = constant(transposed),
                                           .activation = below.activation,
                                           .parameters = below.parameters,
                                           .saved = below.saved,
                                           .gradient = input_gradient};
    for_range(pass.team, work(pass), panels_of<T>(inputs_),
              [&](Range panels) { pass.kernels.dense_input_gradient(product, panels); });
  }
  std::optional<Update<T>> update;
  if (sink.optimizer) update = update_of(*sink.optimizer, sink.constants);
  const DenseWeightGradient<T> product = {.rows = pass.rows,
                                          .inputs = inputs_,
                                          .units = units_,
                                          .input = input,
                                          .delta = constant(delta),
                                          .gradient = weight_gradient_.panels(),
                                          .bias_gradient = has_bias_ ? bias_gradient_.data() : nullptr,
                                          .accumulate = sink.accumulate,
                                          .update = update ? &*update : nullptr,
                                          .weights = weights_.panels(),
                                          .bias = has_bias_ ? bias_.data() : nullptr};
  for_grid(pass.team, work(pass), panels_of<T>(units_), panels_of<T>(inputs_), 1,
           [&](Range units, Range inputs) { pass.kernels.dense_weight_gradient(product, units, inputs); });
}

template <typename T>
Update<T> DenseLayer<T>::update_of(const OptimizerKernel<T>& optimizer, const T* constants) const {
  Update<T> update = {.optimizer = &optimizer};
  memcpy(update.constants, constants, sizeof(update.constants));
  for (int s = 0; s < optimizer.slots; ++s) {
    update.weight_slots[s] = weight_slots_[s].data();
    update.bias_slots[s] = bias_slots_[s].data();
  }
  return update;
}

template <typename T>
void DenseLayer<T>::update(ThreadTeam& team, const OptimizerKernel<T>& optimizer, const T* constants) {
  const Update<T> step = update_of(optimizer, constants);
  const ptrdiff_t panel = weights_.panels().stride;
  for_range(team, weights_.size() * kElementwiseCost, panels_of<T>(units_), [&](Range range) {
    T* slots[kMaxSlots];
    const ptrdiff_t first = panel * range.begin;
    for (int s = 0; s < optimizer.slots; ++s) slots[s] = step.weight_slots[s] + first;
    optimizer.update(weights_.data() + first, weight_gradient_.data() + first, slots, panel * (range.end - range.begin),
                     constants);
  });
  if (has_bias_) optimizer.update(bias_.data(), bias_gradient_.data(), step.bias_slots, bias_.size(), constants);
}

template <typename T>
void DenseLayer<T>::reserve_slots(int slots, bool fresh) {
  for (int s = 0; s < kMaxSlots; ++s) {
    if (s >= slots) {
      weight_slots_[s] = {};
      bias_slots_[s] = {};
    } else if (weight_slots_[s].size() == 0 && bias_slots_[s].size() == 0) {
      weight_slots_[s] = PanelBuffer<T>(inputs_, units_);
      bias_slots_[s] = Buffer<T>(bias_.size());
    } else if (fresh) {
      weight_slots_[s].clear();
      bias_slots_[s].clear();
    }
  }
}

template <typename T>
void DenseLayer<T>::reserve_gradients() {
  if (bias_gradient_.size() > 0) return;
  weight_gradient_ = PanelBuffer<T>(inputs_, units_);
  bias_gradient_ = Buffer<T>(bias_.size());
}

template <typename T>
void DenseLayer<T>::set_weights(const T* values) {
  copy_in(values, units_, inputs_, units_, weights_.panels());
}
template <typename T>
void DenseLayer<T>::set_bias(const T* values) {
  memcpy(bias_.data(), values, static_cast<size_t>(units_) * sizeof(T));
}
template <typename T>
void DenseLayer<T>::get_weights(T* values) const {
  copy_out(constant(weights_.panels()), inputs_, units_, values, units_);
}
template <typename T>
void DenseLayer<T>::get_bias(T* values) const {
  memcpy(values, bias_.data(), static_cast<size_t>(units_) * sizeof(T));
}
template <typename T>
void DenseLayer<T>::get_weight_gradient(T* values) const {
  copy_out(constant(weight_gradient_.panels()), inputs_, units_, values, units_);
}
template <typename T>
void DenseLayer<T>::get_bias_gradient(T* values) const {
  memcpy(values, bias_gradient_.data(), static_cast<size_t>(units_) * sizeof(T));
}

template class DenseLayer<float>;
template class DenseLayer<double>;

}  // namespace chainrule
