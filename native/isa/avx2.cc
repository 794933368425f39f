#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/kernels.h"
#include "isa.h"

namespace chainrule {
namespace {

#include "vec_avx2.h"
#include "../kernels/all.inl.h"

}  // namespace

const InstructionSet kAvx2 = {"avx2", kTable<float>, kTable<double>};

}  // namespace chainrule
