#include "dense_layer.h"

#include <algorithm>

#include "registry.h"

namespace chainrule {
template <typename T>
DenseLayer<T>::DenseLayer(const LayerPlan& plan, const KernelTable<T>& kernels, const LayerPlan* above)
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
                            (!above || activation_->rowwise() || activation_->saves_pre_activation)),
      delta_comes_transposed_(above && above->kind == LayerPlan::Kind::kDense && !activation_->rowwise() &&
                              !has_few_units<T>(units_)),
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
  if (!has_few_units<T>(units_)) delta_transposed_ = PanelBuffer<T>(padded_rows<T>(units_), rows);
}

template <typename T>
void DenseLayer<T>::forward(const Pass<T>& pass) {
  const bool epilogue = activates_in_epilogue();
  const DenseForward<T> product = {.rows = pass.rows,
                                   .inputs = inputs_,
                                   .units = units_,
                                   .input = pass.rows_of(this->input_),
                                   .weights = constant(weights_.panels()),
                                   .bias = bias_.data(),
                                   .pre_activation = pass.rows_of(sums().panels()),
                                   .output = pass.rows_of(epilogue ? output_.panels() : sums().panels()),
                                   .activation = epilogue ? activation_ : nullptr,
                                   .parameters = parameters_};
  constexpr int kRowUnit = 32;  // rows that fill a few tiles
  for_grid(pass.team, work(pass.rows), panels_of<T>(units_), pass.rows, kRowUnit,
           [&](Range panels, Range rows, int thread) {
             if (!this->own_input_) return pass.kernels.dense_forward(product, panels, rows);
             DenseForward<T> own = product;
             own.input = this->own_input_->of(thread);
             pass.kernels.dense_forward(own, panels, rows);
           });
  if (!epilogue && !stops_at_pre_activation_) activate(pass);
}

template <typename T>
void DenseLayer<T>::activate(const Pass<T>& pass) {
  if (!keeps_pre_activation_) return;  // the identity, in place
  const Panels<T> z = pass.rows_of(pre_activation_.panels());
  const Panels<T> a = pass.rows_of(output_.panels());
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
void DenseLayer<T>::backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>&) {
  const Panels<T> delta = pass.rows_of(gradient_.panels());
  if (activation_->rowwise() && !stops_at_pre_activation_) {
    const PanelBuffer<T>& saved = activation_->saves_pre_activation ? pre_activation_ : output_;
    const RowwiseBackward<T> rowwise = {pass.rows_of(constant(saved.panels())), constant(delta), delta, units_,
                                        parameters_};
    for_range(pass.team, static_cast<int64_t>(pass.rows) * units_ * kElementwiseCost, pass.rows,
              [&](Range rows) { activation_->backward_rows(rowwise, rows); });
  }
  if (!below.gradient.data) return;
  if (!delta_comes_transposed_ && !has_few_units<T>(units_)) {
    const Panels<T> transposed = pass.columns_of(delta_transposed_.panels());
    for_range(pass.team, static_cast<int64_t>(pass.rows) * units_ * kElementwiseCost, panels_of<T>(units_),
              [&](Range panels) { pass.kernels.transpose(constant(delta), transposed, pass.rows, units_, panels); });
  }
  const bool transposes = below.gradient_transposed.data != nullptr;
  constexpr int kP = kPanel<T>;
  for_grid(pass.team, work(pass.rows), panels_of<T>(inputs_), panels_of<T>(pass.rows), 1,
           [&](Range panels, Range row_panels, int) {
             const Range rows = {row_panels.begin * kP, std::min(row_panels.end * kP, pass.rows)};
             const Pass<T> part = pass.part(rows, pass.team);
             pass.kernels.dense_input_gradient(
                 {.rows = part.rows,
                  .inputs = inputs_,
                  .units = units_,
                  .weights = constant(weights_.panels()),
                  .delta = part.rows_of(constant(gradient_.panels())),
                  .delta_transposed = part.columns_of(constant(delta_transposed_.panels())),
                  .activation = below.derivative.activation,
                  .parameters = below.derivative.parameters,
                  .saved = part.rows_of(below.derivative.saved),
                  .gradient = part.rows_of(below.gradient),
                  .gradient_transposed = transposes ? part.columns_of(below.gradient_transposed) : Panels<T>{}},
                 panels);
           });
}

// Where there are more weights than activations, a thread had better keep to weights of its own; many more, where they
// do not change and each thread may have them in its cache.
template <typename T>
int64_t DenseLayer<T>::work_by_rows(const Pass<T>& pass) const {
  const int64_t weights = static_cast<int64_t>(inputs_) * units_;
  const int64_t activations = static_cast<int64_t>(pass.rows) * (inputs_ + units_);
  if (weights > activations * (pass.training ? 1 : 4)) return 0;
  constexpr int64_t kVector = kPanel<T> / 2;  // of which even a single unit takes a whole one
  const int64_t computed = (units_ + kVector - 1) / kVector * kVector;
  return 2 * pass.rows * inputs_ * computed + activations * kElementwiseCost;
}

template <typename T>
void DenseLayer<T>::begin_updates(const Sink<T>& sink) {
  update_.optimizer = sink.optimizer;
  update_.constants = sink.constants;
  for (int s = 0; s < sink.optimizer->slots; ++s) {
    update_.weight_slots[s] = weights_.slot(s);
    update_.bias_slots[s] = bias_.slot(s);
  }
}

// Weights that one thread went forward with had better stay with it: what another one writes has to come back first.
template <typename T>
int64_t DenseLayer<T>::plan_gradients(const Pass<T>& pass, bool by_rows) {
  weights_stay_ = work(pass.rows) <= (by_rows ? kSharedWork / 4 : kSharedWork);
  return weights_stay_ ? 0 : work(pass.rows);
}

// Parts of the blocks of W, one panel of units after the other: as near as can be the weights that forward() gives the
// same thread.
template <typename T>
void DenseLayer<T>::parameter_gradients(const Pass<T>& pass, const Sink<T>& sink, const GradientPart& part) {
  const bool updates = sink.kind == Sink<T>::Kind::kUpdate;
  const DenseWeightGradient<T> product = {.rows = pass.rows,
                                          .inputs = inputs_,
                                          .units = units_,
                                          .input = this->own_input_ ? this->own_input_->of(part.thread) : this->input_,
                                          .delta = constant(gradient_.panels()),
                                          .gradient = weights_.gradient_panels(),
                                          .bias_gradient = has_bias_ ? bias_.gradient() : nullptr,
                                          .accumulate = sink.accumulates(),
                                          .update = updates ? &update_ : nullptr,
                                          .weights = weights_.panels(),
                                          .bias = has_bias_ ? bias_.data() : nullptr};
  const int across = panels_of<T>(inputs_), down = panels_of<T>(units_);
  if (weights_stay_ && part.range.begin > 0) return;
  if (weights_stay_ || part.whole()) {
    pass.kernels.dense_weight_gradient(product, {0, down}, {0, across}, part.upcoming);
    return;
  }
  const Range blocks = part_of(down * across, part.range, part.parts);
  int done = 0;
  for_rectangles(blocks, across, [&](Range units, Range inputs) {
    const int next = done + (units.end - units.begin) * (inputs.end - inputs.begin);
    const UpcomingRows upcoming = part.upcoming.part({done, next}, blocks.end - blocks.begin);
    pass.kernels.dense_weight_gradient(product, units, inputs, upcoming);
    done = next;
  });
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
