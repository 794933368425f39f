#include "dense_layer.h"

#include <string.h>

#include "registry.h"

namespace chainrule {
template <typename T>
DenseLayer<T>::DenseLayer(const LayerPlan& plan, const KernelTable<T>& kernels, bool last)
    : kernels_(kernels),
      inputs_(plan.inputs),
      units_(plan.units),
      has_bias_(plan.bias),
      l1_(static_cast<T>(plan.l1)),
      l2_(static_cast<T>(plan.l2)),
      max_norm_(static_cast<T>(plan.max_norm)),
      non_negative_(plan.non_negative),
      activation_(find_activation(kernels, plan.activation)),
      keeps_pre_activation_(!activation_->identity() &&
                            (last || activation_->rowwise() || activation_->saves_pre_activation)),
      weights_(plan.inputs, plan.units),
      bias_(1, plan.units) {
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
  if (!sink.wanted()) return;
  const bool updates = sink.kind == Sink<T>::Kind::kUpdate;
  if (updates) prepare_update(*sink.optimizer, sink.constants);
  const DenseWeightGradient<T> product = {.rows = pass.rows,
                                          .inputs = inputs_,
                                          .units = units_,
                                          .input = input,
                                          .delta = constant(delta),
                                          .gradient = weights_.gradient_panels(),
                                          .bias_gradient = has_bias_ ? bias_.gradient() : nullptr,
                                          .accumulate = sink.accumulates(),
                                          .update = updates ? &update_ : nullptr,
                                          .weights = weights_.panels(),
                                          .bias = has_bias_ ? bias_.data() : nullptr};
  // The lowest layer's is the last product of the pass.
  const UpcomingRows upcoming = input_gradient.data ? UpcomingRows{} : pass.upcoming;
  const int unit_panels = panels_of<T>(units_), input_panels = panels_of<T>(inputs_);
  for_grid(pass.team, work(pass), unit_panels, input_panels, 1, [&](Range units, Range inputs) {
    const bool split_units = units.end - units.begin < unit_panels;
    const UpcomingRows own = split_units ? upcoming.part(units, unit_panels) : upcoming.part(inputs, input_panels);
    pass.kernels.dense_weight_gradient(product, units, inputs, own);
  });
}

template <typename T>
void DenseLayer<T>::prepare_update(const OptimizerKernel<T>& optimizer, const T* constants) {
  update_.optimizer = &optimizer;
  memcpy(update_.constants, constants, sizeof(update_.constants));
  for (int s = 0; s < optimizer.slots; ++s) {
    update_.weight_slots[s] = weights_.slot(s);
    update_.bias_slots[s] = bias_.slot(s);
  }
}

template <typename T>
std::vector<Parameter<T>*> DenseLayer<T>::parameters() {
  if (has_bias_) return {&weights_, &bias_};
  return {&weights_};
}

template <typename T>
double DenseLayer<T>::penalty() const {
  double sum = 0;
  if (l1_ != 0) sum += static_cast<double>(l1_) * kernels_.sum_of_magnitudes(weights_.data(), weights_.padded_size());
  if (l2_ != 0) sum += static_cast<double>(l2_) * kernels_.sum_of_squares(weights_.data(), weights_.padded_size());
  return sum;
}

template <typename T>
void DenseLayer<T>::add_penalty_gradient() {
  if (l1_ == 0 && l2_ == 0) return;
  kernels_.add_penalty(weights_.data(), weights_.gradient(), weights_.padded_size(), l1_, l2_);
}

template <typename T>
void DenseLayer<T>::end_update(ThreadTeam& team) {
  if (!non_negative_ && max_norm_ == 0) return;
  for_range(team, weights_.padded_size() * kElementwiseCost, panels_of<T>(units_), [&](Range range) {
    for (int p = range.begin; p < range.end; ++p) {
      if (non_negative_) kernels_.non_negative(weights_.panels().panel(p), weights_.panels().stride);
      if (max_norm_ != 0) kernels_.max_norm(weights_.panels().panel(p), inputs_, max_norm_);
    }
  });
}

template class DenseLayer<float>;
template class DenseLayer<double>;

}  // namespace chainrule
