#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <vector>

#include "../isa/dispatch.h"

namespace chainrule {

// Those to test: all of this machine, or the one that CHAINRULE_ISA names.
inline std::vector<const InstructionSet*> tested_instruction_sets() {
  const char* const name = std::getenv("CHAINRULE_ISA");
  if (!name) return supported_instruction_sets();
  const InstructionSet* const isa = find_instruction_set(name);
  REQUIRE(isa != nullptr);
  return {isa};
}

}  // namespace chainrule
