// What the files of this folder define, one each.
#pragma once

#include "../kernels/kernels.h"

namespace chainrule {

extern const InstructionSet kScalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const InstructionSet kAvx2;
extern const InstructionSet kAvx512;
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const InstructionSet kNeon;
#endif

}  // namespace chainrule
