#pragma once

#include "layer.h"

namespace chainrule {

// a = φ(x) on its own, behind a layer that is not dense.
template <typename T>
class ActivationLayer final : public Layer<T> {
 public:
  ActivationLayer(const LayerPlan& plan, const KernelTable<T>& kernels);

  void reserve(int rows) override;
  void forward(const Pass<T>& pass) override;
  Panels<const T> output() const override { return constant(output_.panels()); }
  Panels<T> gradient() const override { return gradient_.panels(); }
  Derivative<T> derivative() const override;
  void backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>& sink) override;
  int64_t work_by_rows(const Pass<T>& pass) const override { return 2 * cost(pass.rows); }

 private:
  Panels<const T> saved() const {
    return activation_->saves_pre_activation ? this->input_ : constant(output_.panels());
  }
  int64_t cost(int rows) const { return static_cast<int64_t>(rows) * units_ * kElementwiseCost; }

  const int units_;
  const ActivationKernel<T>* const activation_;
  T parameters_[kMaxParameters] = {};
  int reserved_ = 0;
  PanelBuffer<T> output_;    // (rows, units)
  PanelBuffer<T> gradient_;  // (rows, units)
};

}  // namespace chainrule
