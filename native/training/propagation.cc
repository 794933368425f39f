#include "propagation.h"

#include <algorithm>
#include <stdexcept>

#include "make_layer.h"

namespace chainrule {

// Bounds the memory of a large batch, and its rows of a layer stay in L2.
constexpr int64_t kPassRows = 1024;

template <typename T>
Propagation<T>::Propagation(const Plan& plan, const KernelTable<T>& kernels) : kernels_(kernels), plan_(plan) {
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    layers_.push_back(make_layer(plan, i, kernels));
    const std::vector<Parameter<T>*> own = layers_.back()->parameters();
    if (parameters_.empty() && !own.empty()) lowest_trainable_ = i;
    parameters_.insert(parameters_.end(), own.begin(), own.end());
    needs_whole_batch_ |= plan.layers[i].kind == LayerPlan::Kind::kBatchNormalization;
  }
}

template <typename T>
void Propagation<T>::select_loss(const LossPlan* plan) {
  Layer<T>& last = *layers_.back();
  if (plan && plan->on_pre_activation && !last.has_pre_activation()) {
    throw std::invalid_argument("a loss on a pre-activation needs a last dense layer");
  }
  loss_.reset();
  if (plan) loss_.emplace(*plan, kernels_);
  last.set_stops_at_pre_activation(plan && plan->on_pre_activation);
}

template <typename T>
void Propagation<T>::reserve(int64_t rows, bool input_gradient) {
  const int needed = static_cast<int>(std::max<int64_t>(rows, 1));
  if (needed > reserved_) {
    for (auto& layer : layers_) layer->reserve(needed);
    input_ = PanelBuffer<T>(needed, plan_.inputs);
    target_ = PanelBuffer<T>(needed, plan_.outputs);
    input_gradient_ = {};
    const size_t count = static_cast<size_t>(needed);
    classes_.resize(count);
    row_scale_.resize(count);
    row_loss_.resize(count);
    reserved_ = needed;
  }
  if (input_gradient && input_gradient_.size() == 0) input_gradient_ = PanelBuffer<T>(reserved_, plan_.inputs);
}

template <typename T>
int64_t Propagation<T>::rows_per_pass(const Batch& batch) const {
  int64_t most = batch.pass_rows > 0 ? std::min(batch.pass_rows, batch.size) : batch.size;
  if (!(needs_whole_batch_ && batch.training)) most = std::min(most, kPassRows);
  return std::max<int64_t>(most, 1);
}

template <typename T>
void Propagation<T>::check(const Batch& batch) const {
  for (int64_t i = 0; i < batch.size; ++i) {
    const int64_t row = batch.rows[i];
    if (row < 0 || row >= batch.samples.rows) {
      throw std::out_of_range("expected a row below " + std::to_string(batch.samples.rows) + ", got " +
                              std::to_string(row));
    }
    if (loss_ && batch.samples.classes &&
        static_cast<uint32_t>(batch.samples.classes[row]) >= static_cast<uint32_t>(plan_.outputs)) {
      throw std::out_of_range("expected a class below " + std::to_string(plan_.outputs) + ", got " +
                              std::to_string(batch.samples.classes[row]));
    }
  }
}

template <typename T>
double Propagation<T>::divisor(const Batch& batch) const {
  if (!loss_->mean) return 1;
  if (!batch.samples.weights) return static_cast<double>(batch.size);
  double sum = 0;
  for (int64_t r = 0; r < batch.size; ++r) sum += batch.samples.weights[batch.rows[r]];
  return sum > 0 ? sum : 1;  // a batch in which no row counts has no loss and no gradient
}

template <typename T>
void Propagation<T>::forward(const Pass<T>& pass, const Samples& samples, const RowSequence& rows) {
  for_range(pass.team, static_cast<int64_t>(pass.rows) * plan_.inputs * kGatherCost, pass.rows,
            [&](Range range) { gather(samples.x, plan_.inputs, rows, range, input_.panels()); });
  rows_ = pass.rows;
  Panels<const T> activations = constant(input_.panels());
  for (auto& layer : layers_) {
    layer->forward(pass, activations);
    activations = layer->output();
  }
}

template <typename T>
void Propagation<T>::loss(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, double divisor,
                          double& sum) {
  const auto weight = [&](int r) { return samples.weights ? samples.weights[rows[r]] : 1.0; };
  for (int r = 0; r < pass.rows; ++r) {
    row_scale_[static_cast<size_t>(r)] = static_cast<T>(weight(r) * loss_->scale / divisor);
    if (samples.classes) classes_[static_cast<size_t>(r)] = samples.classes[rows[r]];
  }
  const Layer<T>& last = *layers_.back();
  const LossRows<T> args = {.prediction = loss_->on_pre_activation ? last.pre_activation() : last.output(),
                            .target = constant(target_.panels()),
                            .classes = samples.classes ? classes_.data() : nullptr,
                            .gradient = last.gradient(),
                            .width = plan_.outputs,
                            .parameters = loss_->parameters,
                            .scale = row_scale_.data(),
                            .row_loss = row_loss_.data()};
  for_range(pass.team, static_cast<int64_t>(pass.rows) * plan_.outputs * kElementwiseCost, pass.rows, [&](Range range) {
    if (!samples.classes) gather(samples.y, plan_.outputs, rows, range, target_.panels());
    loss_->kernel->rows(args, range);
  });
  for (int r = 0; r < pass.rows; ++r) sum += weight(r) * loss_->scale * row_loss_[static_cast<size_t>(r)];
}

template <typename T>
void Propagation<T>::backward(const Pass<T>& pass, const Sink<T>& sink, bool input_gradient) {
  Layer<T>& last = *layers_.back();
  apply_derivative(pass, last.derivative(), last.gradient(), plan_.outputs);
  for (size_t i = layers_.size(); i-- > 0;) {
    if (i > 0) {
      Layer<T>& below = *layers_[i - 1];
      const bool wanted = input_gradient || i > lowest_trainable_;
      layers_[i]->backward(pass, below.output(), wanted ? below.gradient() : Panels<T>{}, below.derivative(), sink);
    } else {
      layers_[0]->backward(pass, constant(input_.panels()), input_gradient ? input_gradient_.panels() : Panels<T>{}, {},
                           sink);
    }
  }
}

template <typename T>
void Propagation<T>::backward_from(const Pass<T>& pass, const T* output_gradient, const Sink<T>& sink,
                                   bool input_gradient) {
  copy_in(output_gradient, plan_.outputs, pass.rows, plan_.outputs, layers_.back()->gradient());
  backward(pass, sink, input_gradient);
}

template <typename T>
int Propagation<T>::first_not_finite_output() const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    const bool last = i + 1 == layers_.size();
    const Panels<const T> values = last ? layers_[i]->pre_activation() : layers_[i]->output();
    for (int p = 0; p < panels_of<T>(plan_.layers[i].units); ++p) {
      const ptrdiff_t count = static_cast<ptrdiff_t>(rows_) * kPanel<T>;
      if (kernels_.first_not_finite(values.panel(p), count) >= 0) return static_cast<int>(i);
    }
  }
  return -1;
}

template <typename T>
void Propagation<T>::write_outputs(const Pass<T>& pass, T* to) {
  if (loss_ && loss_->on_pre_activation) layers_.back()->activate(pass);
  copy_out(layers_.back()->output(), pass.rows, plan_.outputs, to, plan_.outputs);
}

template <typename T>
void Propagation<T>::write_input_gradient(const Pass<T>& pass, T* to) const {
  copy_out(constant(input_gradient_.panels()), pass.rows, plan_.inputs, to, plan_.inputs);
}

template class Propagation<float>;
template class Propagation<double>;

}  // namespace chainrule
