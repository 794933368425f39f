#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/kernels.h"
#include "isa.h"

namespace chainrule {
namespace {

#include "vec_scalar.h"
#include "../kernels/all.inl.h"

}  // namespace

const InstructionSet kScalar = {"scalar", kTable<float>, kTable<double>};

}  // namespace chainrule
