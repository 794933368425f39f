#pragma once

#include "layer.h"

namespace chainrule {

// a = φ(x W + 1 b), and from δ = ∂L/∂(x W + 1 b): xᵀδ, the column sums of δ, and δ Wᵀ.
template <typename T>
class DenseLayer final : public Layer<T> {
 public:
  // `above` is null for the last layer.
  DenseLayer(const LayerPlan& plan, const KernelTable<T>& kernels, const LayerPlan* above);

  std::vector<Parameter<T>*> parameters() override;
  void reserve(int rows) override;
  bool reads_own_input() const override { return true; }
  void forward(const Pass<T>& pass) override;
  Panels<const T> output() const override { return constant(output_.panels()); }
  Panels<T> gradient() const override { return gradient_.panels(); }
  Panels<T> gradient_transposed() const override {
    return delta_comes_transposed_ ? delta_transposed_.panels() : Panels<T>{};
  }
  Derivative<T> derivative() const override;
  void backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>& sink) override;
  int64_t work_by_rows(const Pass<T>& pass) const override;
  int64_t plan_gradients(const Pass<T>& pass, bool by_rows) override;
  void begin_updates(const Sink<T>& sink) override;
  void parameter_gradients(const Pass<T>& pass, const Sink<T>& sink, const GradientPart& part) override;
  double penalty() const override;
  void add_penalty_gradient() override;
  // Puts the weights back into the set they are constrained to.
  void end_update(ThreadTeam& team) override;

  bool has_pre_activation() const override { return true; }
  void set_stops_at_pre_activation(bool stops) override { stops_at_pre_activation_ = stops; }
  Panels<const T> pre_activation() const override { return constant(sums().panels()); }
  void activate(const Pass<T>& pass) override;

 private:
  bool activates_in_epilogue() const {
    return !activation_->identity() && !activation_->rowwise() && !stops_at_pre_activation_;
  }
  const PanelBuffer<T>& sums() const { return keeps_pre_activation_ ? pre_activation_ : output_; }
  // With few rows it is the way of the weights through the caches that takes the time, as much as so many rows would.
  // Online, two threads train layers of 256 and 384 KiB half as fast again as one, and lose as much with 64 KiB.
  int64_t work(int rows) const {
    constexpr int kWeightCost = 8;
    return static_cast<int64_t>(rows < kWeightCost ? kWeightCost : rows) * inputs_ * units_;
  }

  const KernelTable<T>& kernels_;
  const int inputs_;
  const int units_;
  const bool has_bias_;
  const T l1_, l2_;
  const T max_norm_;
  const bool non_negative_;
  const ActivationKernel<T>* const activation_;
  T parameters_[kMaxParameters] = {};
  const bool keeps_pre_activation_;
  const bool delta_comes_transposed_;
  bool stops_at_pre_activation_ = false;
  bool weights_stay_ = false;  // with one thread

  Parameter<T> weights_;  // (inputs, units)
  Parameter<T> bias_;     // (units); zeros where there is none

  Update<T> update_ = {.l1 = l1_, .l2 = l2_};

  int reserved_ = 0;
  PanelBuffer<T> pre_activation_;    // (rows, units)
  PanelBuffer<T> output_;            // (rows, units)
  PanelBuffer<T> gradient_;          // (rows, units)
  PanelBuffer<T> delta_transposed_;  // (units, rows)
};

}  // namespace chainrule
