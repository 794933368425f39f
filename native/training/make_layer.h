#pragma once

#include <memory>

#include "layer.h"

namespace chainrule {

// The layer that entry `position` of the plan describes.
template <typename T>
std::unique_ptr<Layer<T>> make_layer(const Plan& plan, size_t position, const KernelTable<T>& kernels);

}  // namespace chainrule
