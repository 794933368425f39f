#include "make_layer.h"

#include "activation_layer.h"
#include "dense_layer.h"
#include "dropout_layer.h"
#include "normalization_layers.h"

namespace chainrule {

template <typename T>
std::unique_ptr<Layer<T>> make_layer(const Plan& plan, size_t position, const KernelTable<T>& kernels) {
  const LayerPlan& layer = plan.layers[position];
  const bool last = position + 1 == plan.layers.size();
  switch (layer.kind) {
    case LayerPlan::Kind::kDense:
      return std::make_unique<DenseLayer<T>>(layer, kernels, last ? nullptr : &plan.layers[position + 1]);
    case LayerPlan::Kind::kDropout:
      return std::make_unique<DropoutLayer<T>>(layer, static_cast<int>(position));
    case LayerPlan::Kind::kActivation:
      return std::make_unique<ActivationLayer<T>>(layer, kernels);
    case LayerPlan::Kind::kBatchNormalization:
      return std::make_unique<BatchNormalizationLayer<T>>(layer, kernels);
    case LayerPlan::Kind::kLayerNormalization:
      return std::make_unique<LayerNormalizationLayer<T>>(layer, kernels);
  }
  return nullptr;
}

template std::unique_ptr<Layer<float>> make_layer(const Plan&, size_t, const KernelTable<float>&);
template std::unique_ptr<Layer<double>> make_layer(const Plan&, size_t, const KernelTable<double>&);

}  // namespace chainrule
