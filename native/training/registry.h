// Looks names up in a table's registries. An unknown name is an error of the TypeScript layer, which validates them.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "../kernels/kernels.h"
#include "plan.h"

namespace chainrule {

template <typename Kernel>
const Kernel* find_kernel(const Kernel* kernels, int count, const std::string& name, size_t parameters,
                          const char* what) {
  for (int i = 0; i < count; ++i) {
    if (name != kernels[i].name) continue;
    if (parameters == static_cast<size_t>(kernels[i].parameters)) return &kernels[i];
    throw std::invalid_argument("expected " + std::to_string(kernels[i].parameters) + " parameters for " + name +
                                ", got " + std::to_string(parameters));
  }
  throw std::invalid_argument(std::string("expected the name of a compiled kernel for ") + what + ", got '" + name +
                              "'");
}

template <typename T>
const ActivationKernel<T>* find_activation(const KernelTable<T>& table, const ActivationPlan& plan) {
  return find_kernel(table.activations, table.activation_count, plan.name, plan.parameters.size(), "activation");
}
template <typename T>
const LossKernel<T>* find_loss(const KernelTable<T>& table, const LossPlan& plan) {
  return find_kernel(table.losses, table.loss_count, plan.kernel, plan.parameters.size(), "loss");
}
template <typename T>
const OptimizerKernel<T>* find_optimizer(const KernelTable<T>& table, const OptimizerPlan& plan) {
  return find_kernel(table.optimizers, table.optimizer_count, plan.kernel, plan.parameters.size(), "optimizer");
}

// At most kMaxParameters: as many as the kernel found for them declares.
template <typename T>
void copy_parameters(const std::vector<double>& from, T* to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<T>(from[i]);
}

}  // namespace chainrule
