#include "activation_layer.h"

#include <string.h>

#include "registry.h"

namespace chainrule {

template <typename T>
ActivationLayer<T>::ActivationLayer(const LayerPlan& plan, const KernelTable<T>& kernels)
    : units_(plan.units), activation_(find_activation(kernels, plan.activation)) {
  copy_parameters(plan.activation.parameters, parameters_);
}

template <typename T>
void ActivationLayer<T>::reserve(int rows) {
  if (rows <= reserved_) return;
  reserved_ = rows;
  output_ = PanelBuffer<T>(rows, units_);
  gradient_ = PanelBuffer<T>(rows, units_);
}

template <typename T>
void ActivationLayer<T>::forward(const Pass<T>& pass) {
  const Panels<const T> input = pass.rows_of(this->input_);
  const Panels<T> output = pass.rows_of(output_.panels());
  if (activation_->rowwise()) {
    for_range(pass.team, cost(pass.rows), pass.rows, [&](Range rows) {
      activation_->forward_rows({input, output, units_, parameters_}, rows);
    });
    return;
  }
  for_range(pass.team, cost(pass.rows), panels_of<T>(units_), [&](Range panels) {
    const ptrdiff_t count = static_cast<ptrdiff_t>(pass.rows) * kPanel<T>;
    for (int p = panels.begin; p < panels.end; ++p) {
      if (activation_->identity()) {
        memcpy(output.panel(p), input.panel(p), static_cast<size_t>(count) * sizeof(T));
      } else {
        activation_->forward(input.panel(p), output.panel(p), count, parameters_);
      }
    }
  });
}

template <typename T>
Derivative<T> ActivationLayer<T>::derivative() const {
  if (activation_->identity() || activation_->rowwise()) return {};
  return {activation_, parameters_, saved()};
}

template <typename T>
void ActivationLayer<T>::backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>&) {
  if (!below.gradient.data) return;
  const Panels<const T> gradient = pass.rows_of(constant(gradient_.panels()));
  const Panels<T> to = pass.rows_of(below.gradient);
  if (activation_->rowwise()) {
    for_range(pass.team, cost(pass.rows), pass.rows, [&](Range rows) {
      activation_->backward_rows({pass.rows_of(saved()), gradient, to, units_, parameters_}, rows);
    });
  } else {
    for (int p = 0; p < panels_of<T>(units_); ++p) {
      memcpy(to.panel(p), gradient.panel(p), static_cast<size_t>(pass.rows) * kPanel<T> * sizeof(T));
    }
  }
  apply_derivative(pass, below.derivative, below.gradient, units_);
}

template class ActivationLayer<float>;
template class ActivationLayer<double>;

}  // namespace chainrule
