#include <arm_neon.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/kernels.h"
#include "isa.h"

namespace chainrule {
namespace {

#include "vec_neon.h"
#include "../kernels/all.inl.h"

}  // namespace

const InstructionSet kNeon = {"neon", kTable<float>, kTable<double>};

}  // namespace chainrule
