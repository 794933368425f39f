// What the tests of the SIMD vocabulary and of the elementary functions share: bits, distances and inputs.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace chainrule::testing {

template <typename T>
struct Format;
template <>
struct Format<float> {
  using Bits = uint32_t;
  using Wide = double;  // correctly rounded enough to stand for the exact value
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  using Wide = long double;
};

template <typename T>
typename Format<T>::Bits bits_of(T x) {
  typename Format<T>::Bits bits;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}

template <typename T>
T from_bits(typename Format<T>::Bits bits) {
  T x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// The same value: NaN is NaN whatever its bits, and −0 is not 0.
template <typename T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || bits_of(a) == bits_of(b);
}

// Distance from the exact value in units in the last place of T at that value. ∞ counts as the next power of two.
template <typename T>
double distance_in_ulp(T actual, typename Format<T>::Wide exact) {
  using Wide = typename Format<T>::Wide;
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact) || std::isnan(actual)) return std::isnan(exact) && std::isnan(actual) ? 0 : INFINITY;
  if (std::signbit(exact) != std::signbit(actual)) return INFINITY;
  const Wide limit = std::ldexp(Wide(1), Limits::max_exponent);
  const Wide want = std::fmin(std::fabs(exact), limit);
  const Wide got = std::isinf(actual) ? limit : static_cast<Wide>(std::fabs(actual));
  if (want == got) return 0;
  int exponent;
  std::frexp(want, &exponent);
  exponent = std::fmin(std::fmax(exponent, Limits::min_exponent), Limits::max_exponent);
  return static_cast<double>(std::fabs(got - want) / std::ldexp(Wide(1), exponent - Limits::digits));
}

// Every value at which something may go wrong: signed zeros, subnormal numbers, limits, infinities, NaN.
template <typename T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values;
  for (const T x : {T(0),
                    Limits::denorm_min(),
                    3 * Limits::denorm_min(),
                    Limits::min() / 2,
                    Limits::min(),
                    Limits::epsilon() / 4,
                    Limits::epsilon(),
                    T(0.1),
                    T(0.5),
                    T(0.5625),
                    T(0.75),
                    T(1),
                    T(1.5),
                    T(2),
                    T(2.5),
                    T(88.7228390),
                    T(88.7228470),
                    T(709.782712893384),
                    T(710),
                    T(103.9720840),
                    T(745.2),
                    T(1e5),
                    Limits::max() / 2,
                    Limits::max(),
                    Limits::infinity(),
                    Limits::quiet_NaN()}) {
    values.push_back(x);
    values.push_back(-x);
  }
  return values;
}

// Calls visit(inputs) with blocks of float32 numbers of every exponent: every `step`th bit pattern, or every one where
// the environment has CHAINRULE_EXHAUSTIVE=1, or the third part of five of them where it has CHAINRULE_EXHAUSTIVE=3/5.
template <typename Visit>
void for_float_patterns(uint64_t step, Visit visit) {
  constexpr uint64_t kBlock = 4096;
  const char* const given = std::getenv("CHAINRULE_EXHAUSTIVE");
  unsigned part = 1, parts = 1;
  if (given && std::sscanf(given, "%u/%u", &part, &parts) >= 1 && part > 0) step = 1;
  std::vector<float> inputs(kBlock);
  for (uint64_t block = 0; block * kBlock * step < (uint64_t{1} << 32); ++block) {
    if (block % parts + 1 != part) continue;
    for (uint64_t i = 0; i < kBlock; ++i) {
      inputs[i] = from_bits<float>(static_cast<uint32_t>((block * kBlock + i) * step));
    }
    visit(inputs);
  }
}

// FNV-1a over values, all NaN alike.
template <typename T>
uint64_t hash_of(const std::vector<T>& values) {
  uint64_t hash = 0xcbf29ce484222325;
  for (T x : values) {
    if (std::isnan(x)) x = from_bits<T>(bits_of(std::numeric_limits<T>::quiet_NaN()));
    hash = (hash ^ bits_of(x)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace chainrule::testing
