#include "normalization_layers.h"

#include <string.h>

namespace chainrule {

template <typename T>
NormalizationLayer<T>::NormalizationLayer(const LayerPlan& plan, const KernelTable<T>& kernels)
    : kernels_(kernels),
      units_(plan.units),
      epsilon_(static_cast<T>(plan.epsilon)),
      gamma_(1, plan.units),
      beta_(1, plan.units) {}

template <typename T>
void NormalizationLayer<T>::reserve(int rows) {
  if (rows <= reserved_) return;
  reserved_ = rows;
  output_ = PanelBuffer<T>(rows, units_);
  gradient_ = PanelBuffer<T>(rows, units_);
}

template <typename T>
void NormalizationLayer<T>::backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>& sink) {
  if (sink.wanted()) {
    gamma_.reserve_gradient();
    beta_.reserve_gradient();
  }
  differentiate(pass, below.gradient, sink);
  if (below.gradient.data) apply_derivative(pass, below.derivative, below.gradient, units_);
  if (sink.kind != Sink<T>::Kind::kUpdate) return;
  gamma_.update(pass.team, *sink.optimizer, sink.constants);
  beta_.update(pass.team, *sink.optimizer, sink.constants);
}

template <typename T>
BatchNormalizationLayer<T>::BatchNormalizationLayer(const LayerPlan& plan, const KernelTable<T>& kernels)
    : NormalizationLayer<T>(plan, kernels),
      momentum_(static_cast<T>(plan.momentum)),
      moving_mean_(1, plan.units, false),
      moving_variance_(1, plan.units, false),
      mean_(1, plan.units),
      inverse_deviation_(1, plan.units),
      next_mean_(1, plan.units),
      next_variance_(1, plan.units) {}

template <typename T>
std::vector<Parameter<T>*> BatchNormalizationLayer<T>::parameters() {
  return {&this->gamma_, &this->beta_, &moving_mean_, &moving_variance_};
}

template <typename T>
void BatchNormalizationLayer<T>::forward(const Pass<T>& pass) {
  const BatchNormalization<T> args = {
      .rows = pass.rows,
      .width = this->units_,
      .input = this->input_,
      .output = this->output_.panels(),
      .gamma = this->gamma_.data(),
      .beta = this->beta_.data(),
      .mean = mean_.data(),
      .inverse_deviation = inverse_deviation_.data(),
      .moving_mean = pass.training ? next_mean_.data() : moving_mean_.data(),
      .moving_variance = pass.training ? next_variance_.data() : moving_variance_.data(),
      .momentum = momentum_,
      .epsilon = this->epsilon_,
      .training = pass.training};
  for_range(pass.team, this->cost(pass), panels_of<T>(this->units_),
            [&](Range panels) { this->kernels_.batch_normalization(args, panels); });
}

template <typename T>
void BatchNormalizationLayer<T>::begin_batch() {
  memcpy(next_mean_.data(), moving_mean_.data(), static_cast<size_t>(next_mean_.size()) * sizeof(T));
  memcpy(next_variance_.data(), moving_variance_.data(), static_cast<size_t>(next_variance_.size()) * sizeof(T));
}

template <typename T>
void BatchNormalizationLayer<T>::end_update(ThreadTeam&) {
  memcpy(moving_mean_.data(), next_mean_.data(), static_cast<size_t>(next_mean_.size()) * sizeof(T));
  memcpy(moving_variance_.data(), next_variance_.data(), static_cast<size_t>(next_variance_.size()) * sizeof(T));
}

template <typename T>
void BatchNormalizationLayer<T>::differentiate(const Pass<T>& pass, Panels<T> input_gradient, const Sink<T>& sink) {
  const BatchNormalizationBackward<T> args = {.rows = pass.rows,
                                              .width = this->units_,
                                              .input = this->input_,
                                              .gradient = constant(this->gradient_.panels()),
                                              .gamma = this->gamma_.data(),
                                              .mean = mean_.data(),
                                              .inverse_deviation = inverse_deviation_.data(),
                                              .input_gradient = input_gradient,
                                              .gamma_gradient = sink.wanted() ? this->gamma_.gradient() : nullptr,
                                              .beta_gradient = sink.wanted() ? this->beta_.gradient() : nullptr,
                                              .accumulate = sink.accumulates(),
                                              .training = pass.training};
  for_range(pass.team, this->cost(pass), panels_of<T>(this->units_),
            [&](Range panels) { this->kernels_.batch_normalization_backward(args, panels); });
}

template <typename T>
std::vector<Parameter<T>*> LayerNormalizationLayer<T>::parameters() {
  return {&this->gamma_, &this->beta_};
}

template <typename T>
void LayerNormalizationLayer<T>::reserve(int rows) {
  if (rows <= this->reserved_) return;
  NormalizationLayer<T>::reserve(rows);
  mean_ = Buffer<T>(rows);
  inverse_deviation_ = Buffer<T>(rows);
}

template <typename T>
void LayerNormalizationLayer<T>::forward(const Pass<T>& pass) {
  const LayerNormalization<T> args = {.width = this->units_,
                                      .input = this->input_,
                                      .output = this->output_.panels(),
                                      .gamma = this->gamma_.data(),
                                      .beta = this->beta_.data(),
                                      .mean = mean_.data(),
                                      .inverse_deviation = inverse_deviation_.data(),
                                      .epsilon = this->epsilon_};
  for_range(pass.team, this->cost(pass), pass.rows,
            [&](Range rows) { this->kernels_.layer_normalization(args, rows); });
}

template <typename T>
void LayerNormalizationLayer<T>::differentiate(const Pass<T>& pass, Panels<T> input_gradient, const Sink<T>& sink) {
  const LayerNormalizationBackward<T> args = {.rows = pass.rows,
                                              .width = this->units_,
                                              .input = this->input_,
                                              .gradient = constant(this->gradient_.panels()),
                                              .gamma = this->gamma_.data(),
                                              .mean = mean_.data(),
                                              .inverse_deviation = inverse_deviation_.data(),
                                              .input_gradient = input_gradient,
                                              .gamma_gradient = this->gamma_.gradient(),
                                              .beta_gradient = this->beta_.gradient(),
                                              .accumulate = sink.accumulates()};
  if (sink.wanted()) {
    for_range(pass.team, this->cost(pass), panels_of<T>(this->units_),
              [&](Range panels) { this->kernels_.layer_normalization_backward_columns(args, panels); });
  }
  if (input_gradient.data) {
    for_range(pass.team, this->cost(pass), pass.rows,
              [&](Range rows) { this->kernels_.layer_normalization_backward_rows(args, rows); });
  }
}

template class NormalizationLayer<float>;
template class NormalizationLayer<double>;
template class BatchNormalizationLayer<float>;
template class BatchNormalizationLayer<double>;
template class LayerNormalizationLayer<float>;
template class LayerNormalizationLayer<double>;

}  // namespace chainrule
