// What the suites in TypeScript cannot see of losses and optimizers: padding, bits across instruction sets, values near
// the largest float, and sums whose rounding would show.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "../isa/dispatch.h"
#include "instruction_sets.h"
#include "math_tests.h"
#include "panels.h"

namespace chainrule {
namespace {

template <typename T>
struct LossResult {
  std::vector<double> losses;
  std::vector<T> gradient;
};

template <typename T>
LossResult<T> loss_of(const LossKernel<T>& kernel, const PanelBuffer<T>& prediction, const PanelBuffer<T>& target,
                      int rows, int columns, bool classes = false) {
  const T parameters[kMaxParameters] = {static_cast<T>(0.25)};
  const std::vector<T> scale(static_cast<size_t>(rows), T(0.5));
  const std::vector<int32_t> labels(static_cast<size_t>(rows), 1);
  PanelBuffer<T> gradient(rows, columns);
  LossResult<T> result = {std::vector<double>(static_cast<size_t>(rows)), {}};
  const LossRows<T> job = {constant(prediction.panels()),
                           constant(target.panels()),
                           classes ? labels.data() : nullptr,
                           gradient.panels(),
                           columns,
                           parameters,
                           scale.data(),
                           result.losses.data()};
  kernel.rows(job, {0, rows / 2});
  kernel.rows(job, {rows / 2, rows});
  INFO(doctest::String(kernel.name));
  CHECK(padding_is_zero(gradient, rows, columns));
  result.gradient = contents(gradient);
  return result;
}

template <typename T>
void check_losses(int rows, int columns) {
  RandomNumbers<T> random(1);
  const PanelBuffer<T> scores = matrix<T>(rows, columns, [&] { return 4 * random(); });
  const PanelBuffer<T> rates = matrix<T>(rows, columns, [&] { return std::fabs(random()) * T(0.9) + T(0.05); });
  const PanelBuffer<T> labels = matrix<T>(rows, columns, [&] { return random() < 0 ? T(-1) : T(1); });
  std::vector<double> first_losses, losses;
  std::vector<T> first_gradients, gradients;
  for (const InstructionSet* isa : tested_instruction_sets()) {
    losses.clear();
    gradients.clear();
    const KernelTable<T>& kernels = table_of<T>(*isa);
    for (int i = 0; i < kernels.loss_count; ++i) {
      const std::string name = kernels.losses[i].name;
      const bool probabilities = name == "poisson" || name == "klDivergence" || name == "binaryCrossEntropy";
      const bool margins = name == "hinge" || name == "squaredHinge" || name == "logistic" || name == "perceptron";
      const PanelBuffer<T>& prediction = probabilities ? rates : scores;
      const PanelBuffer<T>& target = margins ? labels : rates;
      for (const bool classes : {false, true}) {
        if (classes && (name != "softmaxCrossEntropy" || columns == 1)) continue;
        const LossResult<T> result = loss_of(kernels.losses[i], prediction, target, rows, columns, classes);
        losses.insert(losses.end(), result.losses.begin(), result.losses.end());
        gradients.insert(gradients.end(), result.gradient.begin(), result.gradient.end());
      }
    }
    for (const double loss : losses) CHECK(std::isfinite(loss));
    if (!fused(*isa)) continue;
    if (first_losses.empty()) first_losses = losses, first_gradients = gradients;
    CHECK(losses == first_losses);
    CHECK(gradients == first_gradients);
  }
}

TEST_CASE("losses leave padding of the gradient 0 and have the same bits on fused instruction sets") {
  constexpr int kRows = 37;  // each half whole vectors and a rest
  for (const int columns : {1, 2}) {
    check_losses<float>(kRows, columns);
    check_losses<double>(kRows, columns);
  }
  check_losses<float>(7, kPanel<float> + 3);
  check_losses<double>(7, kPanel<double> + 3);
}

// A second output without an error makes the row's loss a sum.
template <typename T>
void check_single_outputs() {
  constexpr int kRows = 37;
  const auto numbers = [](int seed) { return matrix<T>(kRows, 1, RandomNumbers<T>(seed)); };
  const PanelBuffer<T> prediction = numbers(1), target = numbers(2), same = numbers(3);
  const auto beside_same = [&](const PanelBuffer<T>& column) {
    return matrix<T>(kRows, 2, [&, i = 0]() mutable {
      const T value = at(i % 2 == 0 ? column : same, i / 2, 0);
      ++i;
      return value;
    });
  };
  const PanelBuffer<T> predictions = beside_same(prediction), targets = beside_same(target);
  for (const InstructionSet* isa : tested_instruction_sets()) {
    const KernelTable<T>& kernels = table_of<T>(*isa);
    for (int i = 0; i < kernels.loss_count; ++i) {
      const std::string name = kernels.losses[i].name;
      if (name != "squaredError" && name != "absoluteError" && name != "huber" && name != "logCosh") continue;
      INFO(doctest::String(name.c_str()), " ", doctest::String(isa->name));
      const std::vector<double> losses = loss_of(kernels.losses[i], prediction, target, kRows, 1).losses;
      CHECK(losses == loss_of(kernels.losses[i], predictions, targets, kRows, 2).losses);
    }
  }
}

TEST_CASE("the loss of a single output has the bits of a sum") {
  check_single_outputs<float>();
  check_single_outputs<double>();
}

template <typename T>
double loss_at(const InstructionSet& isa, const std::string& name, std::vector<T> prediction, std::vector<T> target) {
  const int columns = static_cast<int>(prediction.size());
  size_t p = 0, t = 0;
  const PanelBuffer<T> predictions = matrix<T>(1, columns, [&] { return prediction[p++]; });
  const PanelBuffer<T> targets = matrix<T>(1, columns, [&] { return target[t++]; });
  const KernelTable<T>& kernels = table_of<T>(isa);
  for (int i = 0; i < kernels.loss_count; ++i) {
    if (name != kernels.losses[i].name) continue;
    const LossResult<T> result = loss_of(kernels.losses[i], predictions, targets, 1, columns);
    for (const T gradient : result.gradient) CHECK(std::isfinite(gradient));
    return result.losses[0];
  }
  FAIL("no loss " << name);
  return 0;
}

template <typename T>
void check_extreme_losses() {
  const T huge = std::numeric_limits<T>::max() / 2;
  const T none = 0;
  for (const InstructionSet* isa : tested_instruction_sets()) {
    CAPTURE(doctest::String(isa->name));
    const double epsilon = std::numeric_limits<T>::epsilon();
    CHECK(loss_at<T>(*isa, "logCosh", {huge}, {none}) == static_cast<double>(huge));
    // ln cosh x = x²/2 (1 − x²/6 + …)
    CHECK(std::fabs(loss_at<T>(*isa, "logCosh", {T(1e-3)}, {none}) / 0.5e-6 - 1) < 1e-6);
    CHECK(loss_at<T>(*isa, "logistic", {-huge}, {1}) == static_cast<double>(huge));
    CHECK(loss_at<T>(*isa, "logistic", {huge}, {1}) == 0);
    CHECK(loss_at<T>(*isa, "sigmoidCrossEntropy", {huge}, {none}) == static_cast<double>(huge));
    // labelSmoothing is 1/4: 1/8 of the distance falls on each of the two.
    CHECK(loss_at<T>(*isa, "softmaxCrossEntropy", {huge, -huge}, {1, 0}) == static_cast<double>(huge) / 4);
    CHECK(std::fabs(loss_at<T>(*isa, "cosine", {huge, huge, none}, {huge, huge, none})) <= 4 * epsilon);
    CHECK(loss_at<T>(*isa, "cosine", {none, none}, {1, 1}) == 1);
    CHECK(loss_at<T>(*isa, "poisson", {none}, {none}) == 0);
    CHECK(loss_at<T>(*isa, "klDivergence", {none, 1}, {none, 1}) == 0);
  }
}

TEST_CASE("losses do not overflow, and know their limits") {
  SUBCASE("float32") { check_extreme_losses<float>(); }
  SUBCASE("float64") { check_extreme_losses<double>(); }
}

template <typename T>
void check_optimizers() {
  constexpr int kCount = kPanel<T>, kUsed = kCount - 5;
  constexpr double kDefaults[] = {0.9, 0.99, 0.1, 0.01, 0.004};
  std::vector<std::vector<T>> first;
  for (const InstructionSet* isa : tested_instruction_sets()) {
    const KernelTable<T>& kernels = table_of<T>(*isa);
    if (first.empty()) first.resize(static_cast<size_t>(kernels.optimizer_count));
    for (int i = 0; i < kernels.optimizer_count; ++i) {
      const OptimizerKernel<T>& kernel = kernels.optimizers[i];
      INFO(doctest::String(isa->name) << " " << doctest::String(kernel.name));
      RandomNumbers<T> random(2);
      std::vector<T> weights(kCount), gradient(kCount), memory(static_cast<size_t>(kMaxSlots * kCount));
      for (int j = 0; j < kUsed; ++j) weights[static_cast<size_t>(j)] = random();
      T* slots[kMaxSlots];
      for (int s = 0; s < kMaxSlots; ++s) slots[s] = memory.data() + s * kCount;
      double state[kMaxState] = {};
      for (int step = 0; step < 20; ++step) {
        for (int j = 0; j < kUsed; ++j) gradient[static_cast<size_t>(j)] = random();
        T constants[kMaxConstants] = {};
        kernel.prepare(kDefaults, step, 0.05, state, constants);
        kernel.update(weights.data(), gradient.data(), slots, 1, kCount, constants);
      }
      for (const T weight : weights) CHECK(std::isfinite(weight));
      for (int j = kUsed; j < kCount; ++j) CHECK(weights[static_cast<size_t>(j)] == 0);
      for (int j = kernel.slots * kCount; j < kMaxSlots * kCount; ++j) CHECK(memory[static_cast<size_t>(j)] == 0);
      if (!fused(*isa)) continue;
      std::vector<T>& wanted = first[static_cast<size_t>(i)];
      if (wanted.empty()) wanted = weights;
      CHECK(weights == wanted);
    }
  }
}

TEST_CASE("optimizers keep padding 0, use the slots they declare, and have the same bits on fused instruction sets") {
  SUBCASE("float32") { check_optimizers<float>(); }
  SUBCASE("float64") { check_optimizers<double>(); }
}

}  // namespace
}  // namespace chainrule
