#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/kernels.h"
#include "isa.h"

namespace chainrule {
namespace {

#include "vec_avx512.h"
#include "../kernels/all.inl.h"

}  // namespace

const InstructionSet kAvx512 = {"avx512", kTable<float>, kTable<double>};

}  // namespace chainrule
