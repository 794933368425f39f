// Elementary functions of one ISA against the C library in the next wider format. The default run steps through the bit
// patterns; over all of them, in five minutes for avx512 and avx2, in half an hour for scalar:
//
//   CHAINRULE_EXHAUSTIVE=1 build-cmake/release/tests_avx512 --test-case='float32 functions*'

template <typename T>
struct MathCase {
  using Wide = typename testing::Format<T>::Wide;
  const char* name;
  Vec<T> (*apply)(Vec<T>);
  Wide (*exact)(Wide);
  uint64_t hash;  // of the results for the inputs of check_hashes, with a fused multiply-add
};

template <typename T>
std::vector<T> apply_to(const MathCase<T>& function, std::vector<T> values) {
  const size_t count = values.size();
  values.resize(count + Vec<T>::kLanes);
  for (size_t i = 0; i < count; i += Vec<T>::kLanes) function.apply(Vec<T>::load(&values[i])).store(&values[i]);
  values.resize(count);
  return values;
}

template <typename T>
const std::vector<MathCase<T>>& math_cases() {
  using W = typename testing::Format<T>::Wide;
  constexpr bool kSingle = sizeof(T) == 4;
  static const std::vector<MathCase<T>> cases = {
      {"exp", exp<T>, [](W x) { return std::exp(x); }, kSingle ? 0x45f8495bac83b30d : 0xb0ad488cc4ee3725},
      {"expm1", expm1<T>, [](W x) { return std::expm1(x); }, kSingle ? 0x56199cfe136a82be : 0x5d5bf73a2388ad0b},
      {"log", log<T>, [](W x) { return std::log(x); }, kSingle ? 0x17c8d7e4ff40d98d : 0x2b6867f8c59c9f96},
      {"log1p", log1p<T>, [](W x) { return std::log1p(x); }, kSingle ? 0xc473900a99827708 : 0x4e6e46fa3fc5125e},
      {"tanh", tanh<T>, [](W x) { return std::tanh(x); }, kSingle ? 0xe080ef9b60c19371 : 0x5ce67ca5f7daa33a},
      {"sigmoid", sigmoid<T>, [](W x) { return 1 / (1 + std::exp(-x)); },
       kSingle ? 0x9648c970d89a3bce : 0x8e7967e9bd0bf873},
      {"softplus", softplus<T>, [](W x) { return std::fmax(x, W(0)) + std::log1p(std::exp(-std::fabs(x))); },
       kSingle ? 0xe8fe9fa23a9e6ac7 : 0xd91f53ca25e49709},
      {"erf", erf<T>, [](W x) { return std::erf(x); }, kSingle ? 0x1458c198757a8244 : 0x7b803b3c81fe8d61},
      {"log_cosh", log_cosh<T>,
       [](W x) {
         const W half = std::sinh(std::fmin(std::fabs(x), W(20)) / 2);
         return std::fabs(x) < 20 ? std::log1p(2 * half * half)
                                  : std::fabs(x) - std::log(W(2)) + std::log1p(std::exp(-2 * std::fabs(x)));
       },
       kSingle ? 0x7846744b40d1f8cf : 0xa3891752031629d8},
  };
  return cases;
}

// Prints the largest distance and where it is; the limits are those math.inl.h promises.
template <typename T>
class WorstDistance {
 public:
  void add(const MathCase<T>& function, const std::vector<T>& inputs) {
    const std::vector<T> results = apply_to(function, inputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto exact = function.exact(inputs[i]);
      if (testing::same(results[i], static_cast<T>(exact))) continue;  // rounded correctly
      const double distance = testing::distance_in_ulp<T>(results[i], exact);
      if (distance > worst_) {
        worst_ = distance;
        at_ = inputs[i];
      }
    }
  }

  void check(const MathCase<T>& function) const {
    MESSAGE(doctest::String(kIsa) << " " << doctest::String(function.name)
                                  << (sizeof(T) == 4 ? doctest::String(" float32: ") : doctest::String(" float64: "))
                                  << worst_ << " ulp at " << at_);
    CHECK(worst_ <= (sizeof(T) == 4 ? 2 : 4));
  }

 private:
  double worst_ = 0;
  T at_ = 0;
};

TEST_CASE("float32 functions are within 2 ulp over all bit patterns") {
  constexpr uint64_t kStep = 4099;  // prime, so all exponents and tails come
  for (const MathCase<float>& function : math_cases<float>()) {
    WorstDistance<float> worst;
    worst.add(function, testing::special_values<float>());
    testing::for_float_patterns(kStep, [&](const std::vector<float>& inputs) { worst.add(function, inputs); });
    worst.check(function);
  }
}

// Dense where the functions change their formula, random in magnitude everywhere else.
std::vector<double> double_samples() {
  std::vector<double> samples = testing::special_values<double>();
  for (int i = -120'000; i <= 120'000; ++i) samples.push_back(i * (1.0 / 16384) + 1e-9 * i);
  std::mt19937_64 random(20240229);
  for (int i = 0; i < 100'000; ++i) {
    samples.push_back(testing::from_bits<double>(random()));
    const double unit = static_cast<double>(random() >> 11) * 0x1p-53;
    samples.push_back(1500 * unit - 750);
    samples.push_back(60 * unit - 30);
    samples.push_back(std::ldexp(1 + unit, static_cast<int>(random() % 80) - 70));
    samples.push_back(-std::ldexp(1 + unit, static_cast<int>(random() % 80) - 70));
  }
  return samples;
}

TEST_CASE("float64 functions are within 4 ulp") {
  const std::vector<double> samples = double_samples();
  for (const MathCase<double>& function : math_cases<double>()) {
    WorstDistance<double> worst;
    worst.add(function, samples);
    worst.check(function);
  }
}

template <typename T>
void check_hashes() {
  std::vector<T> inputs = testing::special_values<T>();
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    inputs.push_back(testing::from_bits<T>(static_cast<typename testing::Format<T>::Bits>(random())));
    inputs.push_back(static_cast<T>(static_cast<double>(random() >> 11) * 0x1p-53 * 40 - 20));
  }
  for (const MathCase<T>& function : math_cases<T>()) {
    INFO(doctest::String(function.name));
    CHECK(testing::hash_of(apply_to(function, inputs)) == function.hash);
  }
}

// The hashes are one ISA's; that all agree with them is what makes training give the same bits everywhere.
TEST_CASE("instruction sets with a fused multiply-add give the same bits" * doctest::skip(!kFused)) {
  SUBCASE("float32") { check_hashes<float>(); }
  SUBCASE("float64") { check_hashes<double>(); }
}
