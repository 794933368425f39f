#pragma once

#include "layer.h"

namespace chainrule {

// What both normalizations have: y = gamma ⊙ (x − mean) / deviation + beta.
template <typename T>
class NormalizationLayer : public Layer<T> {
 public:
  NormalizationLayer(const LayerPlan& plan, const KernelTable<T>& kernels);

  void reserve(int rows) override;
  Panels<const T> output() const override { return constant(output_.panels()); }
  Panels<T> gradient() const override { return gradient_.panels(); }
  Derivative<T> derivative() const override { return {}; }
  void backward(const Pass<T>& pass, const Below<T>& below, const Sink<T>& sink) override;

 protected:
  // The gradients of gamma and beta, where wanted, and that of the input, where its data is not null.
  virtual void differentiate(const Pass<T>& pass, Panels<T> input_gradient, const Sink<T>& sink) = 0;
  int64_t cost(const Pass<T>& pass) const { return static_cast<int64_t>(pass.rows) * units_ * kElementwiseCost; }

  const KernelTable<T>& kernels_;
  const int units_;
  const T epsilon_;
  Parameter<T> gamma_;
  Parameter<T> beta_;
  int reserved_ = 0;
  PanelBuffer<T> output_;    // (rows, units)
  PanelBuffer<T> gradient_;  // (rows, units)
};

// Over the rows of a pass while training, with moving statistics otherwise (Ioffe and Szegedy, 2015).
template <typename T>
class BatchNormalizationLayer final : public NormalizationLayer<T> {
 public:
  BatchNormalizationLayer(const LayerPlan& plan, const KernelTable<T>& kernels);

  std::vector<Parameter<T>*> parameters() override;
  void forward(const Pass<T>& pass) override;
  void begin_batch() override;
  void end_update(ThreadTeam& team) override;

 protected:
  void differentiate(const Pass<T>& pass, Panels<T> input_gradient, const Sink<T>& sink) override;

 private:
  const T momentum_;
  Parameter<T> moving_mean_;
  Parameter<T> moving_variance_;
  PanelBuffer<T> mean_;               // (units)
  PanelBuffer<T> inverse_deviation_;  // (units)
  PanelBuffer<T> next_mean_;          // (units): what the moving statistics become if this batch comes to an update
  PanelBuffer<T> next_variance_;      // (units)
};

// Over the columns of each row (Ba, Kiros and Hinton, 2016).
template <typename T>
class LayerNormalizationLayer final : public NormalizationLayer<T> {
 public:
  using NormalizationLayer<T>::NormalizationLayer;

  std::vector<Parameter<T>*> parameters() override;
  void reserve(int rows) override;
  void forward(const Pass<T>& pass) override;

 protected:
  void differentiate(const Pass<T>& pass, Panels<T> input_gradient, const Sink<T>& sink) override;

 private:
  Buffer<T> mean_;               // (rows)
  Buffer<T> inverse_deviation_;  // (rows)
};

}  // namespace chainrule
