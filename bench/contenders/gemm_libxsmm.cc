// libxsmm. It generates kernels for small products; large ones are put together from them here, by blocks, and by its
// own `libxsmm_sgemm_omp`. In its order, by columns, the product is Cᵀ (n, m) = op(B)ᵀ (n, k) · op(A)ᵀ (k, m).
#include "gemm.h"

#include <omp.h>

#include <libxsmm.h>

namespace {

// Of C and of k that one kernel covers: those that did best.
struct Blocks {
  int m, n, k;
};
constexpr Blocks kBlocks[] = {{512, 512, 512}, {256, 256, 256}, {4096, 4096, 256}};

int thread_count = 1;

libxsmm_smmfunction kernel(const Shape& shape, int m, int n, int k, bool first) {
  const int lda = shape.n, ldb = shape.k, ldc = shape.n;
  const float alpha = 1, beta = first ? 0 : 1;
  const libxsmm_smmfunction found = libxsmm_smmdispatch(n, m, k, &lda, &ldb, &ldc, &alpha, &beta, nullptr, nullptr);
  if (!found) fail("expected a kernel of libxsmm, got none");
  return found;
}

// Neither A nor B transposed.
void multiply_by_blocks(const Blocks& blocks, const Shape& shape, const float* a, const float* b, float* c) {
  const auto [m, n, k, transpose_a, transpose_b] = shape;
  // As many blocks as threads at least.
  const int block_m = std::min(blocks.m, m >= n ? (m + thread_count - 1) / thread_count : m);
  const int block_n = std::min(blocks.n, m >= n ? n : (n + thread_count - 1) / thread_count);
#pragma omp parallel for collapse(2) schedule(static) if (thread_count > 1) num_threads(thread_count)
  for (int j = 0; j < n; j += block_n) {
    for (int i = 0; i < m; i += block_m) {
      for (int p = 0; p < k; p += blocks.k) {
        const int rows = std::min(block_m, m - i), columns = std::min(block_n, n - j),
                  depth = std::min(blocks.k, k - p);
        kernel(shape, rows, columns, depth, p == 0)(&b[int64_t{p} * n + j], &a[int64_t{i} * k + p],
                                                    &c[int64_t{i} * n + j]);
      }
    }
  }
}

// (rows, columns) → (columns, rows).
const float* transposed(std::vector<float>& to, const float* from, int rows, int columns) {
  to.resize(int64_t{rows} * columns);
  libxsmm_otrans_omp(to.data(), from, sizeof(float), columns, rows, columns, rows);
  return to.data();
}

}  // namespace

std::string prepare(int threads) {
  thread_count = threads;
  omp_set_num_threads(threads);
  libxsmm_init();
  const std::string target = libxsmm_get_target_arch();
  if (__builtin_cpu_supports("avx512f") && libxsmm_get_target_archid() < LIBXSMM_X86_AVX512_CORE) {
    fail("expected AVX-512 for libxsmm, got " + target);
  }
  return "libxsmm " LIBXSMM_VERSION ", " + target;
}

// Blocks gain nothing where the operands are too large for the caches: they are not packed.
int ways(const Shape& shape) { return 1.0 * shape.m * shape.n * shape.k > 1e9 ? 1 : 1 + std::size(kBlocks); }

void multiply(int way, const Shape& shape, const float* a, const float* b, float* c) {
  if (way == 0) {
    const float alpha = 1, beta = 0;
    const int lda = shape.ldb(), ldb = shape.lda();
    libxsmm_sgemm_omp(shape.transpose_b ? "T" : "N", shape.transpose_a ? "T" : "N", &shape.n, &shape.m, &shape.k,
                      &alpha, b, &lda, a, &ldb, &beta, c, &shape.n);
    return;
  }
  // Its kernels take no transposed operands: these are transposed first, in the time measured.
  static std::vector<float> other_a, other_b;
  if (shape.transpose_a) a = transposed(other_a, a, shape.k, shape.m);
  if (shape.transpose_b) b = transposed(other_b, b, shape.n, shape.k);
  multiply_by_blocks(kBlocks[way - 1], shape, a, b, c);
}
