// The SIMD vocabulary of one ISA against its meaning in plain C++, on all pairs of special values.

// Calls check(a, b, lanes of operation(a, b)) for every pair; each lane gets its turn with each pair.
template <typename T, typename Operation, typename Meaning>
void check_pairs(const char* name, Operation operation, Meaning meaning) {
  const std::vector<T> values = testing::special_values<T>();
  const size_t pairs = values.size() * values.size();
  INFO(doctest::String(name));
  int wrong = 0;
  for (size_t start = 0; start < pairs; ++start) {
    T a[Vec<T>::kLanes], b[Vec<T>::kLanes], result[Vec<T>::kLanes];
    for (int i = 0; i < Vec<T>::kLanes; ++i) {
      const size_t pair = (start + static_cast<size_t>(i)) % pairs;
      a[i] = values[pair / values.size()];
      b[i] = values[pair % values.size()];
    }
    operation(Vec<T>::load(a), Vec<T>::load(b)).store(result);
    for (int i = 0; i < Vec<T>::kLanes; ++i) wrong += !testing::same(result[i], static_cast<T>(meaning(a[i], b[i])));
  }
  CHECK(wrong == 0);
}

template <typename T>
void check_arithmetic() {
  using V = Vec<T>;
  const V yes = V::set(1), no = V::zero();
  check_pairs<T>(
      "+", [](V a, V b) { return a + b; }, [](T a, T b) { return a + b; });
  check_pairs<T>(
      "-", [](V a, V b) { return a - b; }, [](T a, T b) { return a - b; });
  check_pairs<T>(
      "*", [](V a, V b) { return a * b; }, [](T a, T b) { return a * b; });
  check_pairs<T>(
      "/", [](V a, V b) { return a / b; }, [](T a, T b) { return a / b; });
  check_pairs<T>(
      "negation", [](V a, V) { return -a; }, [](T a, T) { return -a; });
  check_pairs<T>(
      "fma", [](V a, V b) { return fma(a, b, a); }, [](T a, T b) { return kFused ? std::fma(a, b, a) : a * b + a; });
  check_pairs<T>(
      "accumulate", [](V a, V b) { return accumulate(b, a, a); },
      [](T a, T b) { return kFused ? std::fma(a, a, b) : a * a + b; });
  check_pairs<T>(
      "negative_fma", [](V a, V b) { return negative_fma(a, b, b); },
      [](T a, T b) { return kFused ? std::fma(-a, b, b) : b - a * b; });
  check_pairs<T>(
      "max", [](V a, V b) { return max(a, b); }, [](T a, T b) { return a > b ? a : b; });
  check_pairs<T>(
      "min", [](V a, V b) { return min(a, b); }, [](T a, T b) { return a < b ? a : b; });
  check_pairs<T>(
      "sqrt", [](V a, V) { return sqrt(a); }, [](T a, T) { return std::sqrt(a); });
  check_pairs<T>(
      "abs", [](V a, V) { return abs(a); }, [](T a, T) { return std::fabs(a); });
  check_pairs<T>(
      "copysign", [](V a, V b) { return copysign(a, b); }, [](T a, T b) { return std::copysign(a, b); });
  check_pairs<T>(
      "round_nearest", [](V a, V) { return round_nearest(a); }, [](T a, T) { return std::nearbyint(a); });
  check_pairs<T>(
      "less", [&](V a, V b) { return select(less(a, b), yes, no); }, [](T a, T b) { return a < b; });
  check_pairs<T>(
      "less_equal", [&](V a, V b) { return select(less_equal(a, b), yes, no); }, [](T a, T b) { return a <= b; });
  check_pairs<T>(
      "equal", [&](V a, V b) { return select(equal(a, b), yes, no); }, [](T a, T b) { return a == b; });
  check_pairs<T>(
      "is_nan", [&](V a, V) { return select(is_nan(a), yes, no); }, [](T a, T) { return std::isnan(a); });
  check_pairs<T>(
      "mask_and", [&](V a, V b) { return select(mask_and(less(no, a), less(no, b)), yes, no); },
      [](T a, T b) { return 0 < a && 0 < b; });
  check_pairs<T>(
      "mask_or", [&](V a, V b) { return select(mask_or(less(no, a), less(no, b)), yes, no); },
      [](T a, T b) { return 0 < a || 0 < b; });
}

TEST_CASE("vector arithmetic, comparison and selection mean what they mean for numbers") {
  MESSAGE("instruction set: " << doctest::String(kIsa) << ", " << Vec<float>::kLanes << " lanes of float32");
  SUBCASE("float32") { check_arithmetic<float>(); }
  SUBCASE("float64") { check_arithmetic<double>(); }
}

template <typename T>
void check_product_errors() {
  std::mt19937_64 random(23);
  T a[Vec<T>::kLanes], b[Vec<T>::kLanes], errors[Vec<T>::kLanes];
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < Vec<T>::kLanes; ++i) {
      a[i] = static_cast<T>(std::ldexp(static_cast<double>(random() >> 11), -static_cast<int>(random() % 60)));
      b[i] = -static_cast<T>(std::ldexp(static_cast<double>(random() >> 11), -static_cast<int>(random() % 60)));
    }
    const Vec<T> x = Vec<T>::load(a), y = Vec<T>::load(b);
    product_error(x, y, x * y).store(errors);
    for (int i = 0; i < Vec<T>::kLanes; ++i) CHECK(errors[i] == std::fma(a[i], b[i], -(a[i] * b[i])));
  }
}

TEST_CASE("the error of a product is exact") {
  SUBCASE("float32") { check_product_errors<float>(); }
  SUBCASE("float64") { check_product_errors<double>(); }
}

template <typename T>
void check_partial_vectors() {
  constexpr int kLanes = Vec<T>::kLanes;
  T a[kLanes], b[kLanes], result[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    a[i] = static_cast<T>(i + 1);
    b[i] = static_cast<T>(-i - 1);
  }
  for (int n = 0; n <= kLanes; ++n) {
    CAPTURE(n);
    // Of their exact size, so that the address sanitizer sees any access beyond.
    std::vector<T> source(a, a + n), destination(static_cast<size_t>(n));
    first(n, Vec<T>::load(a), Vec<T>::load(b)).store(result);
    for (int i = 0; i < kLanes; ++i) CHECK(result[i] == (i < n ? a[i] : b[i]));
    load_first(n, source.data()).store(result);
    for (int i = 0; i < kLanes; ++i) CHECK(result[i] == (i < n ? a[i] : 0));
    store_first(n, Vec<T>::load(a), destination.data());
    CHECK(destination == source);
    memcpy(result, b, sizeof b);
    store_first(n, Vec<T>::load(a), result);
    for (int i = 0; i < kLanes; ++i) CHECK(result[i] == (i < n ? a[i] : b[i]));
  }
}

TEST_CASE("partial vectors touch only their lanes") {
  SUBCASE("float32") { check_partial_vectors<float>(); }
  SUBCASE("float64") { check_partial_vectors<double>(); }
}

template <typename T>
void check_exponents() {
  using Limits = std::numeric_limits<T>;
  T lanes[Vec<T>::kLanes];
  for (int n = Limits::min_exponent - 1; n < Limits::max_exponent; ++n) {
    power_of_two(Vec<T>::set(static_cast<T>(n))).store(lanes);
    CHECK(lanes[Vec<T>::kLanes - 1] == std::ldexp(T(1), n));
    for (const T m : {T(0.70710678118654757), T(0.75), T(1), T(1.4142134)}) {
      Vec<T> mantissa;
      const T x = std::fmax(std::ldexp(m, n), Limits::min());
      const Vec<T> exponent = split(Vec<T>::set(x), mantissa);
      exponent.store(lanes);
      const int e = static_cast<int>(lanes[0]);
      mantissa.store(lanes);
      CHECK(lanes[0] >= T(0.7071067811865475));
      CHECK(lanes[0] < T(1.4142135623730951));
      CHECK(std::ldexp(static_cast<long double>(lanes[0]), e) == static_cast<long double>(x));
    }
  }
  for (int n = 2 * (Limits::min_exponent - 1); n <= Limits::max_exponent + 1; ++n) {
    for (const T m : {T(0.5), T(0.70710678118654757), T(1), T(1) + Limits::epsilon(), T(1.4142134), T(2)}) {
      scale(Vec<T>::set(m), Vec<T>::set(static_cast<T>(n))).store(lanes);
      CHECK(lanes[0] == std::ldexp(m, n));
    }
  }
}

TEST_CASE("exponents: powers of two, splitting, scaling with gradual underflow") {
  SUBCASE("float32") { check_exponents<float>(); }
  SUBCASE("float64") { check_exponents<double>(); }
}

template <typename T>
void check_transpose() {
  constexpr int kLanes = Vec<T>::kLanes, kColumns = kTransposed<T>;
  constexpr int kSourceStride = kColumns + 3, kDestinationStride = kLanes + 5;
  std::vector<T> source(kLanes * kSourceStride), destination((kColumns + 1) * kDestinationStride, T(-1));
  for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<T>(i);
  transpose_columns(source.data(), kSourceStride, destination.data(), kDestinationStride);
  for (int r = 0; r <= kColumns; ++r) {
    for (int c = 0; c < kDestinationStride; ++c) {
      const T want = c < kLanes && r < kColumns ? source[static_cast<size_t>(c * kSourceStride + r)] : T(-1);
      CHECK(destination[static_cast<size_t>(r * kDestinationStride + c)] == want);
    }
  }
}

TEST_CASE("columns are transposed, and nothing beside them written") {
  SUBCASE("float32") { check_transpose<float>(); }
  SUBCASE("float64") { check_transpose<double>(); }
}
