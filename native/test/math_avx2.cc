#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "math_tests.h"

namespace chainrule {
namespace {

constexpr const char* kIsa = "avx2";
constexpr bool kFused = true;
#include "../isa/vec_avx2.h"
#include "../kernels/math.inl.h"
#include "../kernels/random.inl.h"
#include "vec_tests.inl.h"
#include "math_tests.inl.h"
#include "random_tests.inl.h"

}  // namespace
}  // namespace chainrule
