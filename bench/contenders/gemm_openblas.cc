// OpenBLAS. Its kernel is chosen by OPENBLAS_CORETYPE: it does not know new processors; its threads by which of its
// builds the loader finds.
#include "gemm.h"

#include <cblas.h>

extern "C" char* openblas_get_corename();
extern "C" void openblas_set_num_threads(int);

std::string prepare(int threads) {
  openblas_set_num_threads(threads);
  const std::string core = openblas_get_corename();
  const char* asked = std::getenv("OPENBLAS_CORETYPE");
  if (asked && core != asked) fail("expected the kernels of " + std::string(asked) + ", got " + core);
  return "OpenBLAS " + core;
}

int ways(const Shape&) { return 1; }

void multiply(int, const Shape& shape, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, shape.transpose_a ? CblasTrans : CblasNoTrans,
              shape.transpose_b ? CblasTrans : CblasNoTrans, shape.m, shape.n, shape.k, 1.0f, a, shape.lda(), b,
              shape.ldb(), 0.0f, c, shape.n);
}
