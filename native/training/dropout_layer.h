#pragma once

#include "layer.h"

namespace chainrule {

// Multiplies by 0 or 1 / (1 − rate) while training (Srivastava et al., 2014), and passes its input on otherwise.
template <typename T>
class DropoutLayer final : public Layer<T> {
 public:
  // `position` in the plan keys the mask.
  DropoutLayer(const LayerPlan& plan, int position);

  void reserve(int rows) override;
  void begin_passes(const Pass<T>& pass, Panels<const T> input, InputRows<T>* own) override;
  void forward(const Pass<T>& pass) override;
  Panels<const T> output() const override { return output_; }
  Panels<T> gradient() const override { return gradient_.panels(); }
  Derivative<T> derivative() const override { return {}; }
  void backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>& sink) override;
  int64_t work_by_rows(const Pass<T>& pass) const override { return kMaskCost * cost(pass.rows); }

 private:
  static constexpr int kMaskCost = 4;  // ten rounds of Philox for four elements, beside an elementwise operation

  // to = from ⊙ mask
  void multiply(const Pass<T>& pass, Panels<const T> from, Panels<T> to) const;
  int64_t cost(int rows) const { return static_cast<int64_t>(rows) * units_ * kElementwiseCost; }

  const int units_;
  const double rate_;
  const uint32_t position_;
  int reserved_ = 0;
  PanelBuffer<T> mask_;     // (rows, units)
  PanelBuffer<T> dropped_;  // (rows, units)
  PanelBuffer<T> gradient_;
  Panels<const T> output_ = {};
};

}  // namespace chainrule
