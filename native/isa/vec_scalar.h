// The SIMD vocabulary in plain C++: one lane, for processors of which nothing is known. Included inside
// `namespace chainrule { namespace {` of one ISA file, after <math.h>, <stddef.h> and <stdint.h>.

template <typename T>
struct Vec {
  using Scalar = T;
  static constexpr int kLanes = 1;
  struct Mask {
    bool bits;
  };
  T v;

  static Vec load(const T* p) { return {*p}; }
  static Vec set(T x) { return {x}; }
  static Vec zero() { return {0}; }
  void store(T* p) const { *p = v; }
};

// 4 × 4 accumulators and 4 values of B fit the registers of most processors, nearly so x86-64's 16.
template <typename T>
struct TileLimits {
  static constexpr int kMaxRows = 4;
  static constexpr int kColumnVectors = 4;
};

struct GemmTileLimits {
  static constexpr int kInPlaceVectors = 4;
  static constexpr int kMaxVectors = 4;
  static constexpr int kMaxRows[kMaxVectors] = {4, 4, 4, 4};  // by vectors of columns: 1, 2, …
};

using Float = Vec<float>;
using Double = Vec<double>;
using FloatMask = Float::Mask;
using DoubleMask = Double::Mask;

inline Float operator+(Float a, Float b) { return {a.v + b.v}; }
inline Float operator-(Float a, Float b) { return {a.v - b.v}; }
inline Float operator*(Float a, Float b) { return {a.v * b.v}; }
inline Float operator/(Float a, Float b) { return {a.v / b.v}; }
inline Float operator-(Float a) { return {-a.v}; }
inline Double operator+(Double a, Double b) { return {a.v + b.v}; }
inline Double operator-(Double a, Double b) { return {a.v - b.v}; }
inline Double operator*(Double a, Double b) { return {a.v * b.v}; }
inline Double operator/(Double a, Double b) { return {a.v / b.v}; }
inline Double operator-(Double a) { return {-a.v}; }

// a·b + c and c − a·b, rounded twice: without hardware for it a fused multiply-add is a slow library call.
inline Float fma(Float a, Float b, Float c) { return {a.v * b.v + c.v}; }
inline Float negative_fma(Float a, Float b, Float c) { return {c.v - a.v * b.v}; }
inline Double fma(Double a, Double b, Double c) { return {a.v * b.v + c.v}; }
inline Double negative_fma(Double a, Double b, Double c) { return {c.v - a.v * b.v}; }
// fma(a, b, sum), for chains.
inline Float accumulate(Float sum, Float a, Float b) { return fma(a, b, sum); }
inline Double accumulate(Double sum, Double a, Double b) { return fma(a, b, sum); }

// a·b − product, exactly, where product is a·b rounded.
inline Float product_error(Float a, Float b, Float product) {
  return {static_cast<float>(static_cast<double>(a.v) * b.v - product.v)};
}
inline Double product_error(Double a, Double b, Double product) { return {::fma(a.v, b.v, -product.v)}; }

// b where either is NaN, so max(zero, z) passes a NaN of z on.
inline Float max(Float a, Float b) { return {a.v > b.v ? a.v : b.v}; }
inline Float min(Float a, Float b) { return {a.v < b.v ? a.v : b.v}; }
inline Double max(Double a, Double b) { return {a.v > b.v ? a.v : b.v}; }
inline Double min(Double a, Double b) { return {a.v < b.v ? a.v : b.v}; }

inline Float sqrt(Float a) { return {::sqrtf(a.v)}; }
inline Float abs(Float a) { return {::fabsf(a.v)}; }
inline Double sqrt(Double a) { return {::sqrt(a.v)}; }
inline Double abs(Double a) { return {::fabs(a.v)}; }

inline Float copysign(Float magnitude, Float sign) { return {::copysignf(magnitude.v, sign.v)}; }
inline Double copysign(Double magnitude, Double sign) { return {::copysign(magnitude.v, sign.v)}; }

inline FloatMask less(Float a, Float b) { return {a.v < b.v}; }
inline FloatMask less_equal(Float a, Float b) { return {a.v <= b.v}; }
inline FloatMask equal(Float a, Float b) { return {a.v == b.v}; }
inline FloatMask is_nan(Float a) { return {a.v != a.v}; }
inline DoubleMask less(Double a, Double b) { return {a.v < b.v}; }
inline DoubleMask less_equal(Double a, Double b) { return {a.v <= b.v}; }
inline DoubleMask equal(Double a, Double b) { return {a.v == b.v}; }
inline DoubleMask is_nan(Double a) { return {a.v != a.v}; }

inline FloatMask mask_and(FloatMask a, FloatMask b) { return {a.bits && b.bits}; }
inline FloatMask mask_or(FloatMask a, FloatMask b) { return {a.bits || b.bits}; }
inline DoubleMask mask_and(DoubleMask a, DoubleMask b) { return {a.bits && b.bits}; }
inline DoubleMask mask_or(DoubleMask a, DoubleMask b) { return {a.bits || b.bits}; }

// mask ? a : b.
inline Float select(FloatMask mask, Float a, Float b) { return mask.bits ? a : b; }
inline Double select(DoubleMask mask, Double a, Double b) { return mask.bits ? a : b; }

// Lanes below n from a, the others from `otherwise`; n in 0 … kLanes.
template <typename T>
inline Vec<T> first(int n, Vec<T> a, Vec<T> otherwise) {
  return n > 0 ? a : otherwise;
}

// The first n lanes to or from memory; nothing beyond p[n − 1] is touched. Lanes not loaded are 0.
template <typename T>
inline void store_first(int n, Vec<T> a, T* p) {
  if (n > 0) *p = a.v;
}
template <typename T>
inline Vec<T> load_first(int n, const T* p) {
  return {n > 0 ? *p : 0};
}

// To the nearest integer, ties to even: adding 2²³ (2⁵²) leaves no bits for a fraction.
inline Float round_nearest(Float a) {
  const float shift = ::copysignf(0x1p23f, a.v);
  return {::fabsf(a.v) < 0x1p23f ? ::copysignf((a.v + shift) - shift, a.v) : a.v};
}
inline Double round_nearest(Double a) {
  const double shift = ::copysign(0x1p52, a.v);
  return {::fabs(a.v) < 0x1p52 ? ::copysign((a.v + shift) - shift, a.v) : a.v};
}

// Σ of all lanes: of lane i and lane i + n/2, then of those halves, down to one.
inline float sum_of_lanes(Float a) { return a.v; }
inline double sum_of_lanes(Double a) { return a.v; }

// 2ⁿ for integral n with a normal result: adding 2²³ + bias (2⁵² + bias) leaves n + bias in the lowest bits.
inline Float power_of_two(Float n) {
  return {__builtin_bit_cast(float, __builtin_bit_cast(uint32_t, n.v + (0x1p23f + 127)) << 23)};
}
inline Double power_of_two(Double n) {
  return {__builtin_bit_cast(double, __builtin_bit_cast(uint64_t, n.v + (0x1p52 + 1023)) << 52)};
}

// 1 / a within an eighth, for a in [2⁻¹²⁶, 2¹²⁶]: its bits are nearly a linear function of those of a. Unlike an
// instruction for it, the same on every processor.
inline Float reciprocal_estimate(Float a) {
  return {__builtin_bit_cast(float, 0x7ef311c7 - __builtin_bit_cast(uint32_t, a.v))};
}

// a·2ⁿ rounded once, for a in [½, 2] and integral n within twice the normal exponents: gradual underflow, overflow to
// ∞. Two steps, of which the first is exact.
template <typename T>
inline Vec<T> scale(Vec<T> a, Vec<T> n) {
  const Vec<T> half = round_nearest(n * Vec<T>::set(T(0.5)));
  return a * power_of_two(half) * power_of_two(n - half);
}

// Splits a positive normal a into mantissa · 2^exponent with the mantissa in [√½, √2).
inline Float split(Float a, Float& mantissa) {
  const uint32_t root_half = 0x3f3504f3;
  const uint32_t offset = __builtin_bit_cast(uint32_t, a.v) - root_half;
  mantissa.v = __builtin_bit_cast(float, (offset & 0x007fffff) + root_half);
  return {static_cast<float>(static_cast<int32_t>(offset) >> 23)};
}
inline Double split(Double a, Double& mantissa) {
  const uint64_t root_half = 0x3fe6a09e667f3bcd;
  const uint64_t offset = __builtin_bit_cast(uint64_t, a.v) - root_half;
  mantissa.v = __builtin_bit_cast(double, (offset & 0x000fffffffffffff) + root_half);
  return {static_cast<double>(static_cast<int64_t>(offset) >> 52)};
}

template <typename T>
constexpr int kTransposed = 1;

// destination[c][r] = source[r][c] for kLanes rows of kTransposed columns, here a single element.
template <typename T>
inline void transpose_columns(const T* source, ptrdiff_t, T* destination, ptrdiff_t) {
  *destination = *source;
}
