// What the programs that time a library's single-precision matrix product have in common: each includes this, and
// defines the three functions declared first.
#pragma once

#include "laps.h"

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

// A library's product of a shape, warmed up, and as many calls of it as a lap of contenders/chainrule/gemm.ts takes.
class Product {
 public:
  explicit Product(const Shape& shape)
      : shape_(shape),
        a_(uniform(int64_t{shape.m} * shape.k, 1)),
        b_(uniform(int64_t{shape.k} * shape.n, 2)),
        c_(int64_t{shape.m} * shape.n) {
    for (int way = 0; way < ways(shape); ++way) warm_up(way);
    if (calls_.size() == 1) return;
    constexpr int kTrials = 5;
    std::vector<std::vector<double>> trials(calls_.size());
    for (int trial = 0; trial < kTrials; ++trial) {
      for (int way = 0; way < ways(shape); ++way) trials[way].push_back(speed(way));
    }
    for (int way = 1; way < ways(shape); ++way) {
      if (median(trials[way]) > median(trials[fastest_])) fastest_ = way;
    }
  }

  // Floating-point operations per second of a lap.
  double lap() {
    seconds_of(fastest_, calls_[fastest_] / 4);  // untimedShare of timing.ts
    return speed(fastest_);
  }

  void check_answer() const { check(shape_, a_, b_, c_); }

 private:
  static double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
  }

  void warm_up(int way) {
    constexpr double kLapSeconds = 0.02, kWarmUpSeconds = 0.2;
    std::fill(c_.begin(), c_.end(), std::nanf(""));
    seconds_of(way, 1);
    check_answer();
    int64_t calls = 1;
    double seconds = seconds_of(way, calls);
    for (double spent = seconds; seconds < kLapSeconds || spent < kWarmUpSeconds; spent += seconds) {
      if (seconds < kLapSeconds) calls *= 2;
      seconds = seconds_of(way, calls);
    }
    calls_.push_back(calls);
  }

  double speed(int way) { return 2.0 * shape_.m * shape_.n * shape_.k * calls_[way] / seconds_of(way, calls_[way]); }

  double seconds_of(int way, int64_t calls) {
    const auto started = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < calls; ++i) multiply(way, shape_, a_.data(), b_.data(), c_.data());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  }

  const Shape shape_;
  const std::vector<float> a_, b_;
  std::vector<float> c_;
  std::vector<int64_t> calls_;  // of each way
  int fastest_ = 0;
};

// Arguments: threads, and the shape as m,n,k,transpose_a,transpose_b. Runs laps and answers as tasks.ts says.
int main(int, char** argv) {
  const std::string ran = prepare(std::atoi(argv[1]));
  Shape shape{};
  int transpose_a = 0, transpose_b = 0;
  if (std::sscanf(argv[2], "%d,%d,%d,%d,%d", &shape.m, &shape.n, &shape.k, &transpose_a, &transpose_b) != 5) {
    fail(std::string("expected m,n,k,0|1,0|1 for the shape, got ") + argv[2]);
  }
  shape.transpose_a = transpose_a;
  shape.transpose_b = transpose_b;
  Product product(shape);
  run_laps([&] { return product.lap(); });
  product.check_answer();
  std::printf("{\"ran\":\"%s\"}\n", ran.c_str());
}
