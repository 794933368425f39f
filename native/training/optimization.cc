#include "optimization.h"

#include <math.h>

#include <algorithm>
#include <memory>

namespace chainrule {

template <typename T>
Optimization<T>::Optimization(const Layers& layers, const KernelTable<T>& kernels)
    : layers_(layers), kernels_(kernels) {
  for (const auto& layer : layers_) parameters_.push_back(layer->parameters());
}

template <typename T>
void Optimization<T>::select(const OptimizerPlan& plan, int64_t step) {
  const bool fresh = step == 0 || plan.kernel != plan_.kernel;
  kernel_ = find_optimizer(kernels_, plan);
  plan_ = plan;
  if (fresh) std::fill(state_, state_ + kMaxState, 0);
  for (const auto& own : parameters_) {
    for (Parameter<T>* parameter : own) parameter->reserve_slots(kernel_->slots, fresh);
  }
}

template <typename T>
void Optimization<T>::prepare(int64_t step, double learning_rate) {
  std::fill(constants_, constants_ + kMaxConstants, T{0});
  kernel_->prepare(plan_.parameters.data(), step, learning_rate, state_, constants_);
}

template <typename T>
void Optimization<T>::reserve_gradients() {
  for (const auto& own : parameters_) {
    for (Parameter<T>* parameter : own) parameter->reserve_gradient();
  }
}

template <typename T>
void Optimization<T>::add_penalty_gradients() {
  for (const auto& layer : layers_) layer->add_penalty_gradient();
}

template <typename T>
template <typename Visit>
void Optimization<T>::for_gradients(Visit visit) const {
  for (const auto& own : parameters_) {
    for (Parameter<T>* parameter : own) {
      if (parameter->trainable()) visit(*parameter);
    }
  }
}

template <typename T>
double Optimization<T>::square_norm(const std::vector<Parameter<T>*>& parameters) const {
  double sum = 0;
  for (const Parameter<T>* parameter : parameters) {
    if (parameter->trainable()) sum += kernels_.sum_of_squares(parameter->gradient(), parameter->padded_size());
  }
  return sum;
}

template <typename T>
void Optimization<T>::write_norms(double* norms) const {
  for (const auto& own : parameters_) *norms++ = sqrt(square_norm(own));
}

template <typename T>
void Optimization<T>::clip(const ClipPlan& plan) {
  if (plan.norm > 0) {
    double sum = 0;
    for (const auto& own : parameters_) sum += square_norm(own);
    constexpr double kAgainstZero = 1e-6;  // as PyTorch's clip_grad_norm_
    const double factor = plan.norm / (sqrt(sum) + kAgainstZero);
    if (factor < 1) {
      for_gradients([&](Parameter<T>& p) { kernels_.scale(p.gradient(), p.padded_size(), static_cast<T>(factor)); });
    }
  }
  if (plan.value > 0) {
    for_gradients([&](Parameter<T>& p) { kernels_.clamp(p.gradient(), p.padded_size(), static_cast<T>(plan.value)); });
  }
}

template <typename T>
void Optimization<T>::apply(ThreadTeam& team) {
  for_gradients([&](Parameter<T>& parameter) { parameter.update(team, *kernel_, constants_); });
}

template <typename T>
void Optimization<T>::end_update(ThreadTeam& team) {
  for (const auto& layer : layers_) layer->end_update(team);
}

template <typename T>
double Optimization<T>::penalty() const {
  double sum = 0;
  for (const auto& layer : layers_) sum += layer->penalty();
  return sum;
}

template class Optimization<float>;
template class Optimization<double>;

}  // namespace chainrule
