// The SIMD vocabulary in AVX-512 (F, BW, DQ, VL). Included inside `namespace chainrule { namespace {`
// of one ISA file, after <immintrin.h>, <stddef.h> and <stdint.h>.

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

template <typename T>
struct Vec;

template <>
struct Vec<float> {
  using Scalar = float;
  static constexpr int kLanes = 16;
  struct Mask {
    __mmask16 bits;
  };
  __m512 v;

  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec set(float x) { return {_mm512_set1_ps(x)}; }
  static Vec zero() { return {_mm512_setzero_ps()}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
};

template <>
struct Vec<double> {
  using Scalar = double;
  static constexpr int kLanes = 8;
  struct Mask {
    __mmask8 bits;
  };
  __m512d v;

  static Vec load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static Vec set(double x) { return {_mm512_set1_pd(x)}; }
  static Vec zero() { return {_mm512_setzero_pd()}; }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
};

// As many rows as fit the 32 registers: 16 loads for 28 multiply-adds instead of 10 for 16 where there are eight, and
// with fewer loads the clock is higher.
template <typename T>
struct TileLimits {
  static constexpr int kMaxRows = 14;
  static constexpr int kColumnVectors = 2;
};

// 6 × 4 need 10 loads for 24 multiply-adds instead of 16 for 28: with fewer loads the clock is higher. And 14 rows
// whose strides are pages would not fit the ways of L1.
struct GemmTileLimits {
  // Of columns, where B is not copied: those with a stride come in more slowly.
  static constexpr int kInPlaceVectors = 2;
  static constexpr int kMaxVectors = 4;
  static constexpr int kMaxRows[kMaxVectors] = {14, 14, 8, 6};  // by vectors of columns: 1, 2, …
};

using Float = Vec<float>;
using Double = Vec<double>;
using FloatMask = Float::Mask;
using DoubleMask = Double::Mask;

inline Float operator+(Float a, Float b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Float operator-(Float a, Float b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Float operator*(Float a, Float b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Float operator/(Float a, Float b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Float operator-(Float a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
inline Double operator+(Double a, Double b) { return {_mm512_add_pd(a.v, b.v)}; }
inline Double operator-(Double a, Double b) { return {_mm512_sub_pd(a.v, b.v)}; }
inline Double operator*(Double a, Double b) { return {_mm512_mul_pd(a.v, b.v)}; }
inline Double operator/(Double a, Double b) { return {_mm512_div_pd(a.v, b.v)}; }
inline Double operator-(Double a) { return {_mm512_xor_pd(a.v, _mm512_set1_pd(-0.0))}; }

// a·b + c and c − a·b, rounded once.
inline Float fma(Float a, Float b, Float c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Float negative_fma(Float a, Float b, Float c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
inline Double fma(Double a, Double b, Double c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
inline Double negative_fma(Double a, Double b, Double c) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }

// fma(a, b, sum), for chains. GCC has these change registers as well, but with 32 nothing is gained by forbidding it.
inline Float accumulate(Float sum, Float a, Float b) { return fma(a, b, sum); }
inline Double accumulate(Double sum, Double a, Double b) { return fma(a, b, sum); }

// a·b − product, exactly, where product is a·b rounded.
inline Float product_error(Float a, Float b, Float product) { return fma(a, b, -product); }
inline Double product_error(Double a, Double b, Double product) { return fma(a, b, -product); }

// a > b ? a : b and a < b ? a : b: b where either is NaN, so max(zero, z) passes a NaN of z on.
inline Float max(Float a, Float b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Float min(Float a, Float b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Double max(Double a, Double b) { return {_mm512_max_pd(a.v, b.v)}; }
inline Double min(Double a, Double b) { return {_mm512_min_pd(a.v, b.v)}; }

inline Float sqrt(Float a) { return {_mm512_sqrt_ps(a.v)}; }
inline Float abs(Float a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
inline Double sqrt(Double a) { return {_mm512_sqrt_pd(a.v)}; }
inline Double abs(Double a) { return {_mm512_andnot_pd(_mm512_set1_pd(-0.0), a.v)}; }

inline Float copysign(Float magnitude, Float sign) {
  return {_mm512_or_ps(abs(magnitude).v, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign.v))};
}
inline Double copysign(Double magnitude, Double sign) {
  return {_mm512_or_pd(abs(magnitude).v, _mm512_and_pd(_mm512_set1_pd(-0.0), sign.v))};
}

inline FloatMask less(Float a, Float b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline FloatMask less_equal(Float a, Float b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
inline FloatMask equal(Float a, Float b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline FloatMask is_nan(Float a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
inline DoubleMask less(Double a, Double b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline DoubleMask less_equal(Double a, Double b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LE_OQ)}; }
inline DoubleMask equal(Double a, Double b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline DoubleMask is_nan(Double a) { return {_mm512_cmp_pd_mask(a.v, a.v, _CMP_UNORD_Q)}; }

inline FloatMask mask_and(FloatMask a, FloatMask b) { return {static_cast<__mmask16>(a.bits & b.bits)}; }
inline FloatMask mask_or(FloatMask a, FloatMask b) { return {static_cast<__mmask16>(a.bits | b.bits)}; }
inline DoubleMask mask_and(DoubleMask a, DoubleMask b) { return {static_cast<__mmask8>(a.bits & b.bits)}; }
inline DoubleMask mask_or(DoubleMask a, DoubleMask b) { return {static_cast<__mmask8>(a.bits | b.bits)}; }

// mask ? a : b, lane by lane.
inline Float select(FloatMask mask, Float a, Float b) { return {_mm512_mask_blend_ps(mask.bits, b.v, a.v)}; }
inline Double select(DoubleMask mask, Double a, Double b) { return {_mm512_mask_blend_pd(mask.bits, b.v, a.v)}; }

// Lanes 0 … n − 1; n in 0 … kLanes.
template <typename T>
inline typename Vec<T>::Mask first_lanes(int n) {
  return {static_cast<decltype(Vec<T>::Mask::bits)>((1u << n) - 1)};
}

// Lanes below n from a, the others from `otherwise`.
template <typename T>
inline Vec<T> first(int n, Vec<T> a, Vec<T> otherwise) {
  return select(first_lanes<T>(n), a, otherwise);
}

// The first n lanes to or from memory; nothing beyond p[n − 1] is touched. Lanes not loaded are 0.
inline void store_first(int n, Float a, float* p) { _mm512_mask_storeu_ps(p, first_lanes<float>(n).bits, a.v); }
inline void store_first(int n, Double a, double* p) { _mm512_mask_storeu_pd(p, first_lanes<double>(n).bits, a.v); }
inline Float load_first(int n, const float* p) { return {_mm512_maskz_loadu_ps(first_lanes<float>(n).bits, p)}; }
inline Double load_first(int n, const double* p) { return {_mm512_maskz_loadu_pd(first_lanes<double>(n).bits, p)}; }

// To the nearest integer, ties to even.
inline Float round_nearest(Float a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
inline Double round_nearest(Double a) {
  return {_mm512_roundscale_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

// Σ of all lanes: of lane i and lane i + n/2, then of those halves, down to one.
inline float sum_of_lanes(Float a) {
  const __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 quarters = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
  const __m128 eighths = _mm_add_ps(quarters, _mm_movehl_ps(quarters, quarters));
  return _mm_cvtss_f32(_mm_add_ss(eighths, _mm_movehdup_ps(eighths)));
}
inline double sum_of_lanes(Double a) {
  const __m256d halves = _mm256_add_pd(_mm512_castpd512_pd256(a.v), _mm512_extractf64x4_pd(a.v, 1));
  const __m128d quarters = _mm_add_pd(_mm256_castpd256_pd128(halves), _mm256_extractf128_pd(halves, 1));
  return _mm_cvtsd_f64(_mm_add_sd(quarters, _mm_unpackhi_pd(quarters, quarters)));
}

// 2ⁿ for integral n with a normal result: adding 2²³ + bias (2⁵² + bias) leaves n + bias in the lowest bits.
inline Float power_of_two(Float n) {
  const __m512 biased = _mm512_add_ps(n.v, _mm512_set1_ps(0x1p23f + 127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(biased), 23))};
}
inline Double power_of_two(Double n) {
  const __m512d biased = _mm512_add_pd(n.v, _mm512_set1_pd(0x1p52 + 1023));
  return {_mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(biased), 52))};
}

// 1 / a within an eighth, for a in [2⁻¹²⁶, 2¹²⁶]: its bits are nearly a linear function of those of a. Unlike an
// instruction for it, the same on every processor.
inline Float reciprocal_estimate(Float a) {
  return {_mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(0x7ef311c7), _mm512_castps_si512(a.v)))};
}

// a·2ⁿ rounded once, for a in [½, 2] and integral n within twice the normal exponents: gradual underflow, overflow to
// ∞.
inline Float scale(Float a, Float n) { return {_mm512_scalef_ps(a.v, n.v)}; }
inline Double scale(Double a, Double n) { return {_mm512_scalef_pd(a.v, n.v)}; }

// Splits a positive normal a into mantissa · 2^exponent with the mantissa in [√½, √2).
inline Float split(Float a, Float& mantissa) {
  const __m512i root_half = _mm512_set1_epi32(0x3f3504f3);
  const __m512i offset = _mm512_sub_epi32(_mm512_castps_si512(a.v), root_half);
  const __m512i fraction = _mm512_and_si512(offset, _mm512_set1_epi32(0x007fffff));
  mantissa.v = _mm512_castsi512_ps(_mm512_add_epi32(fraction, root_half));
  return {_mm512_cvtepi32_ps(_mm512_srai_epi32(offset, 23))};
}
inline Double split(Double a, Double& mantissa) {
  const __m512i root_half = _mm512_set1_epi64(0x3fe6a09e667f3bcd);
  const __m512i offset = _mm512_sub_epi64(_mm512_castpd_si512(a.v), root_half);
  const __m512i fraction = _mm512_and_si512(offset, _mm512_set1_epi64(0x000fffffffffffff));
  mantissa.v = _mm512_castsi512_pd(_mm512_add_epi64(fraction, root_half));
  return {_mm512_cvtepi64_pd(_mm512_srai_epi64(offset, 52))};
}

// Columns that 128 bits hold of a row.
template <typename T>
constexpr int kTransposed = 16 / sizeof(T);

// destination[c][r] = source[r][c] for kLanes rows of kTransposed columns; strides in elements, no overlap.
// Gathering 128-bit pieces on load leaves only shuffles within 128 bits. By halves, a transposition takes three
// quarters of the time on a processor that has 256-bit units.
inline void transpose_columns(const float* source, ptrdiff_t source_stride, float* destination,
                              ptrdiff_t destination_stride) {
  __m512 rows[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    const float* p = source + r * source_stride;
    const __m256 low = _mm256_set_m128(_mm_loadu_ps(p + 4 * source_stride), _mm_loadu_ps(p));
    p += 8 * source_stride;
    const __m256 high = _mm256_set_m128(_mm_loadu_ps(p + 4 * source_stride), _mm_loadu_ps(p));
    rows[r] = _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
  }
  const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[0], rows[1]));
  const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[2], rows[3]));
  const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[0], rows[1]));
  const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[2], rows[3]));
  _mm512_storeu_ps(destination, _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23)));
  _mm512_storeu_ps(destination + destination_stride, _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23)));
  _mm512_storeu_ps(destination + 2 * destination_stride, _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23)));
  _mm512_storeu_ps(destination + 3 * destination_stride, _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23)));
}

inline void transpose_columns(const double* source, ptrdiff_t source_stride, double* destination,
                              ptrdiff_t destination_stride) {
  __m512d rows[2];
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
    const double* p = source + r * source_stride;
    const __m256d low = _mm256_set_m128d(_mm_loadu_pd(p + 2 * source_stride), _mm_loadu_pd(p));
    p += 4 * source_stride;
    const __m256d high = _mm256_set_m128d(_mm_loadu_pd(p + 2 * source_stride), _mm_loadu_pd(p));
    rows[r] = _mm512_insertf64x4(_mm512_castpd256_pd512(low), high, 1);
  }
  _mm512_storeu_pd(destination, _mm512_unpacklo_pd(rows[0], rows[1]));
  _mm512_storeu_pd(destination + destination_stride, _mm512_unpackhi_pd(rows[0], rows[1]));
}
