#pragma once

#include <optional>

#include "layer.h"

namespace chainrule {

// a = φ(x W + 1 b), and from δ = ∂L/∂(x W + 1 b): xᵀδ, the column sums of δ, and δ Wᵀ.
template <typename T>
class DenseLayer final : public Layer<T> {
 public:
  DenseLayer(const LayerPlan& plan, const KernelTable<T>& kernels, bool last);

  void reserve(int rows) override;
  void forward(const Pass<T>& pass, Panels<const T> input) override;
  Panels<const T> output() const override { return constant(output_.panels()); }
  Panels<T> gradient() const override { return gradient_.panels(); }
  Derivative<T> derivative() const override;
  void backward(const Pass<T>& pass, Panels<const T> input, Panels<T> input_gradient, const Derivative<T>& below,
                const Sink<T>& sink) override;

  // The loss reads the pre-activation and gives δ itself: forward() leaves the activation out until activate().
  void set_stops_at_pre_activation(bool stops) { stops_at_pre_activation_ = stops; }
  Panels<const T> pre_activation() const { return constant(sums().panels()); }
  void activate(const Pass<T>& pass);

  int units() const { return units_; }
  bool has_bias() const { return has_bias_; }
  void set_weights(const T* values);  // (inputs, units) row-major
  void set_bias(const T* values);     // (units)
  void get_weights(T* values) const;
  void get_bias(T* values) const;

  // Room for gradients as such, where they are not applied as they are made.
  void reserve_gradients();
  void get_weight_gradient(T* values) const;
  void get_bias_gradient(T* values) const;
  // Applies the stored gradients.
  void update(ThreadTeam& team, const OptimizerKernel<T>& optimizer, const T* constants);
  // Optimizer state of that many slots, zero where `fresh` or not there before.
  void reserve_slots(int slots, bool fresh);

 private:
  bool activates_in_epilogue() const {
    return !activation_->identity() && !activation_->rowwise() && !stops_at_pre_activation_;
  }
  const PanelBuffer<T>& sums() const { return keeps_pre_activation_ ? pre_activation_ : output_; }
  Update<T> update_of(const OptimizerKernel<T>& optimizer, const T* constants) const;
  int64_t work(const Pass<T>& pass) const { return static_cast<int64_t>(pass.rows) * inputs_ * units_; }

  const int inputs_;
  const int units_;
  const bool has_bias_;
  const ActivationKernel<T>* const activation_;
  T parameters_[kMaxParameters] = {};
  const bool keeps_pre_activation_;
  bool stops_at_pre_activation_ = false;

  PanelBuffer<T> weights_;  // (inputs, units)
  Buffer<T> bias_;          // (units), padded
  PanelBuffer<T> weight_slots_[kMaxSlots];
  Buffer<T> bias_slots_[kMaxSlots];
  PanelBuffer<T> weight_gradient_;
  Buffer<T> bias_gradient_;

  int reserved_ = 0;
  PanelBuffer<T> pre_activation_;    // (rows, units)
  PanelBuffer<T> output_;            // (rows, units)
  PanelBuffer<T> gradient_;          // (rows, units)
  PanelBuffer<T> delta_transposed_;  // (units, rows)
};

}  // namespace chainrule
