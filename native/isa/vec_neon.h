// The SIMD vocabulary in AArch64 NEON. Included inside `namespace chainrule { namespace {` of one ISA file,
// after <arm_neon.h>, <stddef.h>, <stdint.h> and <string.h>.

template <typename T>
struct Vec;

template <>
struct Vec<float> {
  using Scalar = float;
  static constexpr int kLanes = 4;
  struct Mask {
    uint32x4_t bits;
  };
  float32x4_t v;

  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  static Vec set(float x) { return {vdupq_n_f32(x)}; }
  static Vec zero() { return {vdupq_n_f32(0)}; }
  void store(float* p) const { vst1q_f32(p, v); }
};

template <>
struct Vec<double> {
  using Scalar = double;
  static constexpr int kLanes = 2;
  struct Mask {
    uint64x2_t bits;
  };
  float64x2_t v;

  static Vec load(const double* p) { return {vld1q_f64(p)}; }
  static Vec set(double x) { return {vdupq_n_f64(x)}; }
  static Vec zero() { return {vdupq_n_f64(0)}; }
  void store(double* p) const { vst1q_f64(p, v); }
};

// 6 × 4 accumulators, 4 vectors of B and the broadcasts of A fit the 32 registers.
template <typename T>
struct TileLimits {
  static constexpr int kMaxRows = 6;
  static constexpr int kColumnVectors = 4;
};

struct GemmTileLimits {
  static constexpr int kInPlaceVectors = 4;
  static constexpr int kMaxVectors = 4;
  static constexpr int kMaxRows[kMaxVectors] = {12, 12, 8, 6};  // by vectors of columns: 1, 2, …
};

using Float = Vec<float>;
using Double = Vec<double>;
using FloatMask = Float::Mask;
using DoubleMask = Double::Mask;

inline Float operator+(Float a, Float b) { return {vaddq_f32(a.v, b.v)}; }
inline Float operator-(Float a, Float b) { return {vsubq_f32(a.v, b.v)}; }
inline Float operator*(Float a, Float b) { return {vmulq_f32(a.v, b.v)}; }
inline Float operator/(Float a, Float b) { return {vdivq_f32(a.v, b.v)}; }
inline Float operator-(Float a) { return {vnegq_f32(a.v)}; }
inline Double operator+(Double a, Double b) { return {vaddq_f64(a.v, b.v)}; }
inline Double operator-(Double a, Double b) { return {vsubq_f64(a.v, b.v)}; }
inline Double operator*(Double a, Double b) { return {vmulq_f64(a.v, b.v)}; }
inline Double operator/(Double a, Double b) { return {vdivq_f64(a.v, b.v)}; }
inline Double operator-(Double a) { return {vnegq_f64(a.v)}; }

// a·b + c and c − a·b, rounded once.
inline Float fma(Float a, Float b, Float c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Float negative_fma(Float a, Float b, Float c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
inline Double fma(Double a, Double b, Double c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
inline Double negative_fma(Double a, Double b, Double c) { return {vfmsq_f64(c.v, a.v, b.v)}; }
// fma(a, b, sum), for chains: the instruction has no other form.
inline Float accumulate(Float sum, Float a, Float b) { return fma(a, b, sum); }
inline Double accumulate(Double sum, Double a, Double b) { return fma(a, b, sum); }

// a·b − product, exactly, where product is a·b rounded.
inline Float product_error(Float a, Float b, Float product) { return fma(a, b, -product); }
inline Double product_error(Double a, Double b, Double product) { return fma(a, b, -product); }

// As x86 does: b where either is NaN or both are zeros, so max(zero, z) passes a NaN of z on.
inline Float max(Float a, Float b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
inline Float min(Float a, Float b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
inline Double max(Double a, Double b) { return {vbslq_f64(vcgtq_f64(a.v, b.v), a.v, b.v)}; }
inline Double min(Double a, Double b) { return {vbslq_f64(vcltq_f64(a.v, b.v), a.v, b.v)}; }

inline Float sqrt(Float a) { return {vsqrtq_f32(a.v)}; }
inline Float abs(Float a) { return {vabsq_f32(a.v)}; }
inline Double sqrt(Double a) { return {vsqrtq_f64(a.v)}; }
inline Double abs(Double a) { return {vabsq_f64(a.v)}; }

inline Float copysign(Float magnitude, Float sign) { return {vbslq_f32(vdupq_n_u32(0x80000000), sign.v, magnitude.v)}; }
inline Double copysign(Double magnitude, Double sign) {
  return {vbslq_f64(vdupq_n_u64(0x8000000000000000), sign.v, magnitude.v)};
}

inline FloatMask less(Float a, Float b) { return {vcltq_f32(a.v, b.v)}; }
inline FloatMask less_equal(Float a, Float b) { return {vcleq_f32(a.v, b.v)}; }
inline FloatMask equal(Float a, Float b) { return {vceqq_f32(a.v, b.v)}; }
inline FloatMask is_nan(Float a) { return {vmvnq_u32(vceqq_f32(a.v, a.v))}; }
inline DoubleMask less(Double a, Double b) { return {vcltq_f64(a.v, b.v)}; }
inline DoubleMask less_equal(Double a, Double b) { return {vcleq_f64(a.v, b.v)}; }
inline DoubleMask equal(Double a, Double b) { return {vceqq_f64(a.v, b.v)}; }
inline DoubleMask is_nan(Double a) { return {veorq_u64(vceqq_f64(a.v, a.v), vdupq_n_u64(~uint64_t{0}))}; }

inline FloatMask mask_and(FloatMask a, FloatMask b) { return {vandq_u32(a.bits, b.bits)}; }
inline FloatMask mask_or(FloatMask a, FloatMask b) { return {vorrq_u32(a.bits, b.bits)}; }
inline DoubleMask mask_and(DoubleMask a, DoubleMask b) { return {vandq_u64(a.bits, b.bits)}; }
inline DoubleMask mask_or(DoubleMask a, DoubleMask b) { return {vorrq_u64(a.bits, b.bits)}; }

// mask ? a : b, lane by lane.
inline Float select(FloatMask mask, Float a, Float b) { return {vbslq_f32(mask.bits, a.v, b.v)}; }
inline Double select(DoubleMask mask, Double a, Double b) { return {vbslq_f64(mask.bits, a.v, b.v)}; }

// Lanes below n from a, the others from `otherwise`; n in 0 … kLanes.
inline Float first(int n, Float a, Float otherwise) {
  const uint32_t lanes[4] = {0, 1, 2, 3};
  return select(FloatMask{vcltq_u32(vld1q_u32(lanes), vdupq_n_u32(static_cast<uint32_t>(n)))}, a, otherwise);
}
inline Double first(int n, Double a, Double otherwise) {
  const uint64_t lanes[2] = {0, 1};
  return select(DoubleMask{vcltq_u64(vld1q_u64(lanes), vdupq_n_u64(static_cast<uint64_t>(n)))}, a, otherwise);
}

// The first n lanes to or from memory; nothing beyond p[n − 1] is touched. Lanes not loaded are 0.
template <typename T>
inline void store_first(int n, Vec<T> a, T* p) {
  T lanes[Vec<T>::kLanes];
  a.store(lanes);
  memcpy(p, lanes, static_cast<size_t>(n) * sizeof(T));
}
template <typename T>
inline Vec<T> load_first(int n, const T* p) {
  T lanes[Vec<T>::kLanes] = {};
  memcpy(lanes, p, static_cast<size_t>(n) * sizeof(T));
  return Vec<T>::load(lanes);
}

// To the nearest integer, ties to even.
inline Float round_nearest(Float a) { return {vrndnq_f32(a.v)}; }
inline Double round_nearest(Double a) { return {vrndnq_f64(a.v)}; }

// Σ of all lanes: of lane i and lane i + n/2, then of those halves, down to one.
inline float sum_of_lanes(Float a) {
  const float32x2_t halves = vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v));
  return vget_lane_f32(halves, 0) + vget_lane_f32(halves, 1);
}
inline double sum_of_lanes(Double a) { return vgetq_lane_f64(a.v, 0) + vgetq_lane_f64(a.v, 1); }

// 2ⁿ for integral n with a normal result: adding 2²³ + bias (2⁵² + bias) leaves n + bias in the lowest bits.
inline Float power_of_two(Float n) {
  const float32x4_t biased = vaddq_f32(n.v, vdupq_n_f32(0x1p23f + 127));
  return {vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(biased), 23))};
}
inline Double power_of_two(Double n) {
  const float64x2_t biased = vaddq_f64(n.v, vdupq_n_f64(0x1p52 + 1023));
  return {vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(biased), 52))};
}

// 1 / a within an eighth, for a in [2⁻¹²⁶, 2¹²⁶]: its bits are nearly a linear function of those of a. Unlike an
// instruction for it, the same on every processor.
inline Float reciprocal_estimate(Float a) {
  return {vreinterpretq_f32_s32(vsubq_s32(vdupq_n_s32(0x7ef311c7), vreinterpretq_s32_f32(a.v)))};
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
  const int32x4_t root_half = vdupq_n_s32(0x3f3504f3);
  const int32x4_t offset = vsubq_s32(vreinterpretq_s32_f32(a.v), root_half);
  const int32x4_t fraction = vandq_s32(offset, vdupq_n_s32(0x007fffff));
  mantissa.v = vreinterpretq_f32_s32(vaddq_s32(fraction, root_half));
  return {vcvtq_f32_s32(vshrq_n_s32(offset, 23))};
}
inline Double split(Double a, Double& mantissa) {
  const int64x2_t root_half = vdupq_n_s64(0x3fe6a09e667f3bcd);
  const int64x2_t offset = vsubq_s64(vreinterpretq_s64_f64(a.v), root_half);
  const int64x2_t fraction = vandq_s64(offset, vdupq_n_s64(0x000fffffffffffff));
  mantissa.v = vreinterpretq_f64_s64(vaddq_s64(fraction, root_half));
  return {vcvtq_f64_s64(vshrq_n_s64(offset, 52))};
}

// Columns that a vector holds of a row.
template <typename T>
constexpr int kTransposed = 16 / sizeof(T);

// destination[c][r] = source[r][c] for kLanes rows of kTransposed columns; strides in elements, no overlap.
inline void transpose_columns(const float* source, ptrdiff_t source_stride, float* destination,
                              ptrdiff_t destination_stride) {
  const float32x4_t row0 = vld1q_f32(source);
  const float32x4_t row1 = vld1q_f32(source + source_stride);
  const float32x4_t row2 = vld1q_f32(source + 2 * source_stride);
  const float32x4_t row3 = vld1q_f32(source + 3 * source_stride);
  const float64x2_t low01 = vreinterpretq_f64_f32(vzip1q_f32(row0, row1));
  const float64x2_t low23 = vreinterpretq_f64_f32(vzip1q_f32(row2, row3));
  const float64x2_t high01 = vreinterpretq_f64_f32(vzip2q_f32(row0, row1));
  const float64x2_t high23 = vreinterpretq_f64_f32(vzip2q_f32(row2, row3));
  vst1q_f32(destination, vreinterpretq_f32_f64(vzip1q_f64(low01, low23)));
  vst1q_f32(destination + destination_stride, vreinterpretq_f32_f64(vzip2q_f64(low01, low23)));
  vst1q_f32(destination + 2 * destination_stride, vreinterpretq_f32_f64(vzip1q_f64(high01, high23)));
  vst1q_f32(destination + 3 * destination_stride, vreinterpretq_f32_f64(vzip2q_f64(high01, high23)));
}

inline void transpose_columns(const double* source, ptrdiff_t source_stride, double* destination,
                              ptrdiff_t destination_stride) {
  const float64x2_t row0 = vld1q_f64(source);
  const float64x2_t row1 = vld1q_f64(source + source_stride);
  vst1q_f64(destination, vzip1q_f64(row0, row1));
  vst1q_f64(destination + destination_stride, vzip2q_f64(row0, row1));
}
