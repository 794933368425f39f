// Every activation of every instruction set of this machine, and its derivative, against their formulas in the next
// wider format, over the whole range of float32 in steps, and at the ends. Kinks and parameters are left to the suites
// in TypeScript. Over all bit patterns of float32 it takes half an hour of one core for avx512 or avx2, an hour for
// scalar, and an hour and a half for all of them without CHAINRULE_ISA; half of the patterns on one:
//
//   CHAINRULE_ISA=avx512 CHAINRULE_EXHAUSTIVE=1/2 build-cmake/release/tests_plain --test-case='activations are within*'
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "../isa/dispatch.h"
#include "instruction_sets.h"
#include "math_tests.h"

namespace chainrule {
namespace {

template <typename W>
W logistic(W z) {
  return z < 0 ? std::exp(z) / (1 + std::exp(z)) : 1 / (1 + std::exp(-z));
}

// z g(z) and its derivative where the gate g is 0 or 1 in any format: g falls faster than z grows.
template <typename W>
W gated(W z, W gate) {
  return gate == 0 ? -W(0) : gate == 1 ? z : z * gate;
}

// How far a derivative may be off: units in its last place, or where it crosses 0 units in the last place of 1.
enum class Bound { kUlp, kEpsilon };

template <typename W>
struct Formula {
  const char* name;
  W (*value)(W z);
  W (*derivative)(W saved);  // of z, or of the output where the derivative is computed from that
  Bound bound;
};

template <typename W>
W normal_distribution(W z) {
  return std::erfc(-z / std::sqrt(W(2))) / 2;
}
template <typename W>
W normal_density(W z) {
  return std::exp(-z * z / 2) / std::sqrt(2 * std::acos(W(-1)));
}
template <typename W>
W gelu_tanh_argument(W z) {
  return 2 * std::sqrt(2 / std::acos(W(-1))) * (z + W(0.044715L) * z * z * z);
}
template <typename W>
W softplus_tanh(W z) {
  return std::tanh(std::fmax(z, W(0)) + std::log1p(std::exp(-std::fabs(z))));
}
constexpr long double kSeluScale = 1.0507009873554804934193349852946L;
constexpr long double kSeluAlpha = 1.6732632423543772848170429916717L;

template <typename W>
const std::vector<Formula<W>>& formulas() {
  constexpr Bound kUlp = Bound::kUlp, kEpsilon = Bound::kEpsilon;
  static const std::vector<Formula<W>> list = {
      {"sigmoid", logistic<W>, [](W a) { return a * (1 - a); }, kUlp},
      {"tanh", [](W z) { return std::tanh(z); }, [](W a) { return (1 - a) * (1 + a); }, kUlp},
      {"elu", [](W z) { return z < 0 ? std::expm1(z) : z; }, [](W z) { return z > 0 ? 1 : std::exp(z); }, kUlp},
      {"selu", [](W z) { return W(kSeluScale) * (z < 0 ? W(kSeluAlpha) * std::expm1(z) : z); },
       [](W z) { return W(kSeluScale) * (z > 0 ? 1 : W(kSeluAlpha) * std::exp(z)); }, kUlp},
      {"gelu", [](W z) { return gated(z, normal_distribution(z)); },
       [](W z) { return normal_distribution(z) + z * normal_density(z); }, kEpsilon},
      {"geluTanh", [](W z) { return gated(z, logistic(gelu_tanh_argument(z))); },
       [](W z) {
         const W u = gelu_tanh_argument(z);
         const W slope = 2 * std::sqrt(2 / std::acos(W(-1))) * (1 + 3 * W(0.044715L) * z * z);
         return logistic(u) + z * logistic(u) * logistic(-u) * slope;
       },
       kEpsilon},
      {"silu", [](W z) { return gated(z, logistic(z)); },
       [](W z) { return logistic(z) + z * logistic(z) * logistic(-z); }, kEpsilon},
      {"mish", [](W z) { return gated(z, softplus_tanh(z)); },
       [](W z) {
         const W tangent = softplus_tanh(z);
         return tangent + z * logistic(z) * (1 - tangent) * (1 + tangent);
       },
       kEpsilon},
      {"softplus", [](W z) { return z > 20 ? z : std::fmax(z, W(0)) + std::log1p(std::exp(-std::fabs(z))); },
       [](W z) { return z > 20 ? 1 : logistic(z); }, kUlp},
      {"softsign", [](W z) { return std::isinf(z) ? std::copysign(W(1), z) : z / (1 + std::fabs(z)); },
       [](W z) { return 1 / ((1 + std::fabs(z)) * (1 + std::fabs(z))); }, kUlp},
      {"hardSigmoid", [](W z) { return std::isnan(z) ? z : std::fmin(std::fmax(z + 3, W(0)), W(6)) / 6; },
       [](W z) { return std::fabs(z) < 3 ? W(1.0f / 6) : W(0); }, kUlp},
      {"exponential", [](W z) { return std::exp(z); }, [](W a) { return a; }, kUlp},
  };
  return list;
}

template <typename T>
const ActivationKernel<T>& kernel_named(const InstructionSet& isa, const std::string& name) {
  const KernelTable<T>& kernels = table_of<T>(isa);
  for (int i = 0; i < kernels.activation_count; ++i) {
    if (name == kernels.activations[i].name) return kernels.activations[i];
  }
  FAIL("no activation " << name);
  return kernels.activations[0];
}

template <typename T>
void pad_to_panels(std::vector<T>& values) {
  values.resize((values.size() + kPanel<T> - 1) / kPanel<T> * kPanel<T>, T(0));
}

template <typename T>
struct Results {
  std::vector<T> values, derivatives;
};

template <typename T>
Results<T> apply(const ActivationKernel<T>& kernel, const std::vector<T>& inputs, double parameter = 1) {
  const T parameters[kMaxParameters] = {static_cast<T>(parameter)};
  Results<T> results = {std::vector<T>(inputs.size()), std::vector<T>(inputs.size())};
  const std::vector<T> ones(inputs.size(), T(1));
  const ptrdiff_t count = static_cast<ptrdiff_t>(inputs.size());
  kernel.forward(inputs.data(), results.values.data(), count, parameters);
  const std::vector<T>& saved = kernel.saves_pre_activation ? inputs : results.values;
  kernel.backward(saved.data(), ones.data(), results.derivatives.data(), count, parameters);
  return results;
}

// Densely where the formulas change.
template <typename T>
std::vector<T> samples() {
  std::vector<T> inputs = testing::special_values<T>();
  std::mt19937_64 random(11);
  for (int i = 0; i < 20'000; ++i) {
    inputs.push_back(testing::from_bits<T>(static_cast<typename testing::Format<T>::Bits>(random())));
    const double unit = static_cast<double>(random() >> 11) * 0x1p-53;
    inputs.push_back(static_cast<T>(80 * unit - 40));
    inputs.push_back(static_cast<T>(8 * unit - 4));
    inputs.push_back(static_cast<T>(1600 * unit - 800));
  }
  pad_to_panels(inputs);
  return inputs;
}

// The largest error, and where it is.
template <typename T>
struct Worst {
  double error = 0;
  T at = 0;

  void add(double distance, T z) {
    if (distance > error) error = distance, at = z;
  }
};

template <typename T>
double distance(T actual, typename testing::Format<T>::Wide exact, Bound bound) {
  if (testing::same(actual, static_cast<T>(exact))) return 0;  // rounded correctly
  if (bound == Bound::kUlp) return testing::distance_in_ulp<T>(actual, exact);
  return static_cast<double>(std::fabs(actual - exact) / std::numeric_limits<T>::epsilon());
}

// The errors of one activation on every instruction set.
template <typename T>
class Errors {
 public:
  using Wide = typename testing::Format<T>::Wide;

  explicit Errors(const Formula<Wide>& formula)
      : formula_(formula), sets_(tested_instruction_sets()), worst_(sets_.size()) {}

  void add(const std::vector<T>& inputs) {
    exact_.clear();
    for (const T z : inputs) exact_.push_back(formula_.value(z));
    for (size_t s = 0; s < worst_.size(); ++s) {
      const ActivationKernel<T>& kernel = kernel_named<T>(*sets_[s], formula_.name);
      const Results<T> results = apply(kernel, inputs);
      for (size_t i = 0; i < inputs.size(); ++i) {
        worst_[s].value.add(distance(results.values[i], exact_[i], Bound::kUlp), inputs[i]);
        if (!std::isfinite(inputs[i])) continue;  // left to the test of the ends
        const T saved = kernel.saves_pre_activation ? inputs[i] : results.values[i];
        if (s == 0 || !kernel.saves_pre_activation) set_slope(i, formula_.derivative(saved));
        worst_[s].derivative.add(distance(results.derivatives[i], slope_[i], formula_.bound), inputs[i]);
      }
    }
  }

  void check() const {
    constexpr double kLimit = sizeof(T) == 4 ? 2 : 4;
    for (size_t s = 0; s < worst_.size(); ++s) {
      const auto& [value, derivative] = worst_[s];
      const char* const unit = formula_.bound == Bound::kUlp ? " ulp at " : " epsilon at ";
      MESSAGE(doctest::String(sets_[s]->name)
              << " " << doctest::String(formula_.name) << " float" << 8 * sizeof(T) << ": " << value.error << " ulp at "
              << value.at << ", derivative " << derivative.error << doctest::String(unit) << derivative.at);
      CHECK(value.error <= kLimit);
      // Those that cross 0 are at most about 1.8.
      CHECK(derivative.error <= (formula_.bound == Bound::kUlp ? kLimit : 2));
    }
  }

 private:
  struct Pair {
    Worst<T> value, derivative;
  };

  void set_slope(size_t i, Wide slope) {
    slope_.resize(std::max(slope_.size(), i + 1));
    slope_[i] = slope;
  }

  const Formula<Wide>& formula_;
  const std::vector<const InstructionSet*> sets_;
  std::vector<Pair> worst_;
  std::vector<Wide> exact_, slope_;
};

template <typename T>
void check_accuracy() {
  for (const auto& formula : formulas<typename testing::Format<T>::Wide>()) {
    Errors<T> errors(formula);
    errors.add(samples<T>());
    constexpr uint64_t kStep = 32'771;  // prime, so all exponents and tails come
    if constexpr (std::is_same_v<T, float>) {
      testing::for_float_patterns(kStep, [&](const std::vector<float>& inputs) { errors.add(inputs); });
    }
    errors.check();
  }
}

TEST_CASE("activations are within 2 ulp in float32 and 4 in float64, derivatives too or within 2 epsilon") {
  SUBCASE("float32") { check_accuracy<float>(); }
  SUBCASE("float64") { check_accuracy<double>(); }
}

template <typename T>
void check_ends() {
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinite = std::numeric_limits<T>::infinity();
  std::vector<T> inputs = {nan, infinite, -infinite, std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest()};
  pad_to_panels(inputs);
  for (const InstructionSet* isa : tested_instruction_sets()) {
    const KernelTable<T>& kernels = table_of<T>(*isa);
    for (int i = 0; i < kernels.activation_count; ++i) {
      const ActivationKernel<T>& kernel = kernels.activations[i];
      if (!kernel.forward) continue;
      INFO(doctest::String(isa->name) << " " << doctest::String(kernel.name));
      const Results<T> results = apply(kernel, inputs);
      CHECK(std::isnan(results.values[0]));
      for (size_t at = 1; at < inputs.size(); ++at) CHECK_FALSE(std::isnan(results.values[at]));
      for (size_t at = 1; at < inputs.size(); ++at) CHECK_FALSE(std::isnan(results.derivatives[at]));
      CHECK(std::isfinite(results.values.back()));  // what padding of 0 becomes
      if (std::string(kernel.name) != "exponential") CHECK(std::fabs(results.derivatives[3]) < 2);
    }
  }
}

TEST_CASE("activations pass NaN on, and have a limit or their infinity at the ends") {
  SUBCASE("float32") { check_ends<float>(); }
  SUBCASE("float64") { check_ends<double>(); }
}

template <typename T>
uint64_t hash_of_all(const InstructionSet& isa) {
  std::vector<T> inputs = testing::special_values<T>();
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    inputs.push_back(testing::from_bits<T>(static_cast<typename testing::Format<T>::Bits>(random())));
    inputs.push_back(static_cast<T>(static_cast<double>(random() >> 11) * 0x1p-53 * 40 - 20));
  }
  pad_to_panels(inputs);
  const KernelTable<T>& kernels = table_of<T>(isa);
  std::vector<T> all;
  for (int i = 0; i < kernels.activation_count; ++i) {
    if (!kernels.activations[i].forward) continue;
    const Results<T> results = apply(kernels.activations[i], inputs, 0.3);
    all.insert(all.end(), results.values.begin(), results.values.end());
    all.insert(all.end(), results.derivatives.begin(), results.derivatives.end());
  }
  return testing::hash_of(all);
}

TEST_CASE("activations have the same bits on all instruction sets with a fused multiply-add") {
  for (const InstructionSet* isa : tested_instruction_sets()) {
    if (std::string(isa->name) == "scalar") continue;
    CAPTURE(doctest::String(isa->name));
    CHECK(hash_of_all<float>(*isa) == 0x2a67136d34507127);
    CHECK(hash_of_all<double>(*isa) == 0x3967dca8b3662218);
  }
}

}  // namespace
}  // namespace chainrule
