// Which instruction sets this CPU and this operating system can run.
#pragma once

#include <string_view>
#include <vector>

#include "../kernels/kernels.h"

namespace chainrule {

// Best first; the last is always the scalar one. Runs no code compiled for an instruction set.
const std::vector<const InstructionSet*>& supported_instruction_sets();

// Null where there is none of that name or this machine cannot run it; an empty name means the best.
const InstructionSet* find_instruction_set(std::string_view name);

template <typename T>
const KernelTable<T>& table_of(const InstructionSet& isa);
template <>
inline const KernelTable<float>& table_of<float>(const InstructionSet& isa) {
  return isa.float32;
}
template <>
inline const KernelTable<double>& table_of<double>(const InstructionSet& isa) {
  return isa.float64;
}

}  // namespace chainrule
