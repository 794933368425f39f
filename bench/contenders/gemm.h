// What the programs that time a library's single-precision matrix product have in common: each includes this, and
// defines the three functions declared first.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// C (m, n) = op(A) (m, k) · op(B) (k, n), all row-major and dense.
struct Shape {
  int m, n, k;
  bool transpose_a, transpose_b;
  int lda() const { return transpose_a ? m : k; }
  int ldb() const { return transpose_b ? k : n; }
};

// Sets the number of threads, and returns a line on what will run.
std::string prepare(int threads);
// The library's ways to multiply these, of which the fastest counts.
int ways(const Shape& shape);
void multiply(int way, const Shape& shape, const float* a, const float* b, float* c);

[[noreturn]] inline void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

// The numbers of data.ts.
inline std::vector<float> uniform(int64_t count, uint32_t seed) {
  std::vector<float> values(count);
  uint32_t state = seed * 0x9e3779b9u | 1u;
  for (float& value : values) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    value = static_cast<float>(static_cast<int32_t>(state) >> 8) / (1 << 23);
  }
  return values;
}

// Fails unless some rows of C, the first and the last among them, are the product in float64 but for the error that
// tolerance.ts derives: 8·u·√k·‖row of A‖·‖column of B‖.
inline void check(const Shape& shape, const std::vector<float>& a, const std::vector<float>& b,
                  const std::vector<float>& c) {
  const auto [m, n, k, transpose_a, transpose_b] = shape;
  constexpr int kRows = 8;
  for (int r = 0; r < kRows; ++r) {
    const int i = static_cast<int64_t>(r) * (m - 1) / (kRows - 1);
    std::vector<double> sums(n), squares(n);
    double row_square = 0;
    for (int p = 0; p < k; ++p) {
      const double left = transpose_a ? a[int64_t{p} * m + i] : a[int64_t{i} * k + p];
      row_square += left * left;
      for (int j = 0; j < n; ++j) {
        const double right = transpose_b ? b[int64_t{j} * k + p] : b[int64_t{p} * n + j];
        sums[j] += left * right;
        squares[j] += right * right;
      }
    }
    for (int j = 0; j < n; ++j) {
      const double tolerance = 8 * std::ldexp(1.0, -24) * std::sqrt(k * row_square * squares[j]);
      const double got = c[int64_t{i} * n + j];
      if (!(std::abs(got - sums[j]) <= tolerance)) {
        fail("expected " + std::to_string(sums[j]) + " for an element of the product, got " + std::to_string(got));
      }
    }
  }
}

// Floating-point operations per second, in the samples of contenders/chainrule/gemm.ts.
inline std::vector<double> measure(int way, const Shape& shape) {
  constexpr double kSampleSeconds = 0.02, kLongSample = 0.1, kWarmUpSeconds = 0.2;
  const std::vector<float> a = uniform(int64_t{shape.m} * shape.k, 1);
  const std::vector<float> b = uniform(int64_t{shape.k} * shape.n, 2);
  std::vector<float> c(int64_t{shape.m} * shape.n, std::nanf(""));
  const auto seconds_of = [&](int64_t calls) {
    const auto started = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < calls; ++i) multiply(way, shape, a.data(), b.data(), c.data());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  seconds_of(1);
  check(shape, a, b, c);
  int64_t calls = 1;
  double seconds = seconds_of(calls);
  for (double spent = seconds; seconds < kSampleSeconds || spent < kWarmUpSeconds; spent += seconds) {
    if (seconds < kSampleSeconds) calls *= 2;
    seconds = seconds_of(calls);
  }
  const double operations = 2.0 * shape.m * shape.n * shape.k * calls;
  std::vector<double> speeds{operations / seconds};
  for (int i = seconds > kLongSample ? 1 : 4; i > 0; --i) speeds.push_back(operations / seconds_of(calls));
  check(shape, a, b, c);
  return speeds;
}

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// Arguments: threads, then each shape as m,n,k,transpose_a,transpose_b. Prints the answer as JSON.
int main(int argc, char** argv) {
  const std::string ran = prepare(std::atoi(argv[1]));
  std::string speeds;
  for (int i = 2; i < argc; ++i) {
    Shape shape{};
    int transpose_a = 0, transpose_b = 0;
    if (std::sscanf(argv[i], "%d,%d,%d,%d,%d", &shape.m, &shape.n, &shape.k, &transpose_a, &transpose_b) != 5) {
      fail(std::string("expected m,n,k,0|1,0|1 for a shape, got ") + argv[i]);
    }
    shape.transpose_a = transpose_a;
    shape.transpose_b = transpose_b;
    std::vector<double> best = measure(0, shape);
    for (int way = 1; way < ways(shape); ++way) {
      std::vector<double> other = measure(way, shape);
      if (median(other) > median(best)) best = other;
    }
    speeds += speeds.empty() ? "[" : ",[";
    for (size_t j = 0; j < best.size(); ++j) speeds += (j ? "," : "") + std::to_string(best[j]);
    speeds += "]";
  }
  std::printf("{\"speeds\":[%s],\"ran\":\"%s\"}\n", speeds.c_str(), ran.c_str());
}
