// Normalization, penalties, clipping and constraints of every instruction set against long double.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "../isa/dispatch.h"
#include "../training/panel_buffer.h"
#include "instruction_sets.h"
#include "math_tests.h"

namespace chainrule {
namespace {

using Wide = long double;
template <typename T>
using Grid = std::vector<std::vector<T>>;  // [row][column]

constexpr int kRows = 203, kWidth = 45;

template <typename T>
Grid<T> random_grid(int seed, double offset) {
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  Grid<T> grid(kRows, std::vector<T>(kWidth));
  for (auto& row : grid) {
    for (T& value : row) value = static_cast<T>(offset + static_cast<double>(random() >> 11) * 0x1p-52 - 1);
  }
  return grid;
}

template <typename T>
PanelBuffer<T> in_panels(const Grid<T>& grid) {
  PanelBuffer<T> buffer(kRows, kWidth);
  for (int r = 0; r < kRows; ++r)
    copy_in(grid[static_cast<size_t>(r)].data(), 0, 1, kWidth,
            Panels<T>{buffer.data() + r * kPanel<T>, buffer.panels().stride});
  return buffer;
}
template <typename T>
T at(const PanelBuffer<T>& buffer, size_t row, size_t column) {
  constexpr size_t kP = kPanel<T>;
  return buffer.panels().panel(static_cast<int>(column / kP))[row * kP + column % kP];
}
template <typename T>
std::vector<T> padded(size_t used, T value) {
  std::vector<T> vector(static_cast<size_t>(panels_of<T>(kWidth) * kPanel<T>));
  for (size_t i = 0; i < used; ++i) vector[i] = value + static_cast<T>(i) / 64;
  return vector;
}

// Normalizes n values x with scale γ and shift β, and takes gradients g of the results back.
struct Reference {
  std::vector<Wide> normalized, input_gradient;
  Wide mean = 0, variance = 0, inverse = 0;

  template <typename Value, typename Scaled>
  Reference(size_t n, Wide epsilon, Value x, Scaled scaled_gradient) {
    for (size_t i = 0; i < n; ++i) mean += x(i) / n;
    for (size_t i = 0; i < n; ++i) variance += (x(i) - mean) * (x(i) - mean) / n;
    inverse = 1 / std::sqrt(variance + epsilon);
    Wide mean_gradient = 0, mean_product = 0;
    for (size_t i = 0; i < n; ++i) {
      normalized.push_back((x(i) - mean) * inverse);
      mean_gradient += scaled_gradient(i) / n;
      mean_product += scaled_gradient(i) * normalized[i] / n;
    }
    for (size_t i = 0; i < n; ++i) {
      input_gradient.push_back(inverse * (scaled_gradient(i) - mean_gradient - normalized[i] * mean_product));
    }
  }
};

// The mean is off by up to an ulp of offset: half from its rounding, half from its correction's. That comes into the
// results times γ / σ, at most 1.2 · √3; each is some ten more operations on numbers up to 4.
template <typename T>
Wide tolerance(double offset) {
  return (2.1 * offset + 40) * std::numeric_limits<T>::epsilon();
}

template <typename T>
void check_batch(const InstructionSet& isa, double offset) {
  const KernelTable<T>& kernels = table_of<T>(isa);
  const Grid<T> x = random_grid<T>(1, offset), g = random_grid<T>(2, 0);
  const PanelBuffer<T> input = in_panels(x), gradient = in_panels(g);
  const std::vector<T> gamma = padded<T>(kWidth, T(0.5)), beta = padded<T>(kWidth, T(-1));
  PanelBuffer<T> output(kRows, kWidth), input_gradient(kRows, kWidth);
  std::vector<T> mean = padded<T>(0, 0), inverse = mean, moving_mean = mean, moving_variance = padded<T>(kWidth, 1);
  const T epsilon = static_cast<T>(1e-5), momentum = static_cast<T>(0.25);
  const BatchNormalization<T> forward = {
      kRows,       kWidth,         constant(input.panels()), output.panels(),        gamma.data(), beta.data(),
      mean.data(), inverse.data(), moving_mean.data(),       moving_variance.data(), momentum,     epsilon,
      true};
  std::vector<T> gamma_gradient = padded<T>(kWidth, 1), beta_gradient = padded<T>(kWidth, 1);
  const BatchNormalizationBackward<T> backward = {kRows,
                                                  kWidth,
                                                  constant(input.panels()),
                                                  constant(gradient.panels()),
                                                  gamma.data(),
                                                  mean.data(),
                                                  inverse.data(),
                                                  input_gradient.panels(),
                                                  gamma_gradient.data(),
                                                  beta_gradient.data(),
                                                  true,
                                                  true};
  for (int p = 0; p < panels_of<T>(kWidth); ++p) {
    kernels.batch_normalization(forward, {p, p + 1});
    kernels.batch_normalization_backward(backward, {p, p + 1});
  }
  const Wide limit = tolerance<T>(offset);
  Wide worst = 0;
  for (size_t c = 0; c < kWidth; ++c) {
    const Reference reference(
        kRows, epsilon, [&](size_t r) { return Wide(x[r][c]); }, [&](size_t r) { return Wide(g[r][c]) * gamma[c]; });
    Wide sum = 0, products = 0;
    for (size_t r = 0; r < kRows; ++r) {
      worst = std::fmax(worst, std::fabs(at(output, r, c) - (reference.normalized[r] * gamma[c] + beta[c])));
      worst = std::fmax(worst, std::fabs(at(input_gradient, r, c) - reference.input_gradient[r]));
      sum += g[r][c];
      products += g[r][c] * reference.normalized[r];
    }
    const Wide start = 1 + Wide(c) / 64;
    worst = std::fmax(worst, std::fabs(beta_gradient[c] - start - sum) / kRows);
    worst = std::fmax(worst, std::fabs(gamma_gradient[c] - start - products) / kRows);
    worst = std::fmax(worst, std::fabs(moving_mean[c] - reference.mean / 4) / (1 + offset));
    const Wide unbiased = reference.variance * kRows / (kRows - 1);
    worst = std::fmax(worst, std::fabs(moving_variance[c] - (0.75L * start + unbiased / 4)));
  }
  CHECK(worst <= limit);
  for (size_t c = kWidth; c < static_cast<size_t>(panels_of<T>(kWidth) * kPanel<T>); ++c) {
    for (size_t r = 0; r < kRows; ++r) CHECK(at(input_gradient, r, c) == 0);
  }

  // With the moving statistics, and the gradient in place.
  BatchNormalization<T> evaluation = forward;
  evaluation.training = false;
  BatchNormalizationBackward<T> constant_moments = backward;
  constant_moments.training = false;
  constant_moments.gamma_gradient = constant_moments.beta_gradient = nullptr;
  constant_moments.input_gradient = gradient.panels();
  kernels.batch_normalization(evaluation, {0, panels_of<T>(kWidth)});
  kernels.batch_normalization_backward(constant_moments, {0, panels_of<T>(kWidth)});
  for (size_t c = 0; c < kWidth; ++c) {
    const Wide scale = gamma[c] / std::sqrt(Wide(moving_variance[c]) + epsilon);
    const Wide wanted = (Wide(x[5][c]) - moving_mean[c]) * scale + beta[c];
    CHECK(std::fabs(at(output, 5, c) - wanted) <= tolerance<T>(1) * (1 + offset));
    CHECK(std::fabs(at(gradient, 5, c) - g[5][c] * scale) <= tolerance<T>(1));
  }
}

template <typename T>
void check_layer(const InstructionSet& isa, double offset) {
  const KernelTable<T>& kernels = table_of<T>(isa);
  const Grid<T> x = random_grid<T>(3, offset), g = random_grid<T>(4, 0);
  const PanelBuffer<T> input = in_panels(x), gradient = in_panels(g);
  const std::vector<T> gamma = padded<T>(kWidth, T(0.5)), beta = padded<T>(kWidth, T(-1));
  PanelBuffer<T> output(kRows, kWidth);
  std::vector<T> mean(kRows), inverse(kRows), gamma_gradient = padded<T>(kWidth, 1), beta_gradient = gamma_gradient;
  const T epsilon = static_cast<T>(1e-5);
  const LayerNormalization<T> forward = {
      kWidth,      constant(input.panels()), output.panels(), gamma.data(), beta.data(),
      mean.data(), inverse.data(),           epsilon};
  const LayerNormalizationBackward<T> backward = {
      kRows,       kWidth,         constant(input.panels()), constant(gradient.panels()), gamma.data(),
      mean.data(), inverse.data(), gradient.panels(),        gamma_gradient.data(),       beta_gradient.data(),
      false};
  kernels.layer_normalization(forward, {0, 50});
  kernels.layer_normalization(forward, {50, kRows});
  kernels.layer_normalization_backward_columns(backward, {0, 1});
  kernels.layer_normalization_backward_columns(backward, {1, panels_of<T>(kWidth)});
  kernels.layer_normalization_backward_rows(backward, {0, kRows});
  std::vector<Wide> sums(kWidth), products(kWidth);
  Wide worst = 0;
  for (size_t r = 0; r < kRows; ++r) {
    const Reference reference(
        kWidth, epsilon, [&](size_t c) { return Wide(x[r][c]); }, [&](size_t c) { return Wide(g[r][c]) * gamma[c]; });
    for (size_t c = 0; c < kWidth; ++c) {
      worst = std::fmax(worst, std::fabs(at(output, r, c) - (reference.normalized[c] * gamma[c] + beta[c])));
      worst = std::fmax(worst, std::fabs(at(gradient, r, c) - reference.input_gradient[c]));
      sums[c] += g[r][c];
      products[c] += g[r][c] * reference.normalized[c];
    }
    for (size_t c = kWidth; c < gamma.size(); ++c) CHECK(at(gradient, r, c) == 0);
  }
  for (size_t c = 0; c < kWidth; ++c) {
    worst = std::fmax(worst, std::fabs(beta_gradient[c] - sums[c]) / kRows);
    worst = std::fmax(worst, std::fabs(gamma_gradient[c] - products[c]) / kRows);
  }
  CHECK(worst <= tolerance<T>(offset));
}

TEST_CASE("batch and layer normalization, forward and backward, also far from 0") {
  for (const InstructionSet* isa : tested_instruction_sets()) {
    CAPTURE(doctest::String(isa->name));
    for (const double offset : {0.0, 1000.0}) {
      CAPTURE(offset);
      check_batch<float>(*isa, offset);
      check_batch<double>(*isa, offset);
      check_layer<float>(*isa, offset);
      check_layer<double>(*isa, offset);
    }
  }
}

template <typename T>
void check_weights(const InstructionSet& isa) {
  constexpr int kP = kPanel<T>, kInputs = 300;
  const KernelTable<T>& kernels = table_of<T>(isa);
  std::vector<T> weights(static_cast<size_t>(kInputs * kP)), gradient(weights.size(), T(1));
  std::mt19937_64 random(5);
  for (T& w : weights) w = static_cast<T>(static_cast<double>(random() >> 11) * 0x1p-52 - 1);
  weights[7] = 0;
  const ptrdiff_t count = static_cast<ptrdiff_t>(weights.size());
  Wide magnitudes = 0, squares = 0;
  for (const T w : weights) {
    magnitudes += std::fabs(w);
    squares += Wide(w) * w;
  }
  // Lanes of at most 128 terms: 64 ε of the sum and more.
  const Wide relative = 128 * Wide(std::numeric_limits<T>::epsilon());
  CHECK(std::fabs(kernels.sum_of_magnitudes(weights.data(), count) - magnitudes) <= relative * magnitudes);
  CHECK(std::fabs(kernels.sum_of_squares(weights.data(), count) - squares) <= relative * squares);

  kernels.add_penalty(weights.data(), gradient.data(), count, T(0.5), T(0.25));
  for (size_t i = 0; i < weights.size(); ++i) {
    const Wide sign = weights[i] > 0 ? 1 : weights[i] < 0 ? -1 : 0;
    CHECK(std::fabs(gradient[i] - (1 + sign / 2 + Wide(weights[i]) / 2)) <= 2 * std::numeric_limits<T>::epsilon());
  }

  std::vector<T> changed = weights;
  kernels.clamp(changed.data(), count, T(0.5));
  for (size_t i = 0; i < weights.size(); ++i) CHECK(changed[i] == std::fmin(std::fmax(weights[i], T(-0.5)), T(0.5)));
  changed = weights;
  kernels.non_negative(changed.data(), count);
  for (size_t i = 0; i < weights.size(); ++i) CHECK(changed[i] == std::fmax(weights[i], T(0)));
  changed = weights;
  kernels.scale(changed.data(), count, T(-3));
  for (size_t i = 0; i < weights.size(); ++i) CHECK(changed[i] == weights[i] * T(-3));

  changed = weights;
  for (int i = 0; i < kInputs; ++i) changed[static_cast<size_t>(i * kP + 1)] /= 16;  // a norm of about 0.6
  const std::vector<T> before = changed;
  kernels.max_norm(changed.data(), kInputs, T(2));
  for (int c = 0; c < kP; ++c) {
    Wide norm = 0;
    for (int i = 0; i < kInputs; ++i)
      norm += Wide(changed[static_cast<size_t>(i * kP + c)]) * changed[static_cast<size_t>(i * kP + c)];
    if (c == 1)
      CHECK(changed[1] == before[1]);
    else
      CHECK(std::fabs(std::sqrt(norm) - 2) <= relative * 2);
  }
}

TEST_CASE("penalties, clipping and constraints") {
  for (const InstructionSet* isa : tested_instruction_sets()) {
    CAPTURE(doctest::String(isa->name));
    check_weights<float>(*isa);
    check_weights<double>(*isa);
  }
}

}  // namespace
}  // namespace chainrule
