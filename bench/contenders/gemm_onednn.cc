// oneDNN's sgemm.
#include "gemm.h"

#include <omp.h>

#include <dnnl.h>

std::string prepare(int threads) {
  omp_set_num_threads(threads);
  const bool avx512 = dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core;
  if (__builtin_cpu_supports("avx512f") && !avx512) fail("expected AVX-512 for oneDNN, got less");
  const dnnl_version_t* version = dnnl_version();
  return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch) + (avx512 ? ", AVX-512" : "");
}

int ways(const Shape&) { return 1; }

void multiply(int, const Shape& shape, const float* a, const float* b, float* c) {
  const dnnl_status_t status = dnnl_sgemm(shape.transpose_a ? 'T' : 'N', shape.transpose_b ? 'T' : 'N', shape.m,
                                          shape.n, shape.k, 1.0f, a, shape.lda(), b, shape.ldb(), 0.0f, c, shape.n);
  if (status != dnnl_success) fail("expected success of dnnl_sgemm, got " + std::to_string(status));
}
