// The SIMD vocabulary in AVX2 with FMA. Included inside `namespace chainrule { namespace {` of one ISA file,
// after <immintrin.h>, <stddef.h> and <stdint.h>.

template <typename T>
struct Vec;

template <>
struct Vec<float> {
  using Scalar = float;
  static constexpr int kLanes = 8;
  struct Mask {
    __m256 bits;
  };
  __m256 v;

  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec set(float x) { return {_mm256_set1_ps(x)}; }
  static Vec zero() { return {_mm256_setzero_ps()}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
};

template <>
struct Vec<double> {
  using Scalar = double;
  static constexpr int kLanes = 4;
  struct Mask {
    __m256d bits;
  };
  __m256d v;

  static Vec load(const double* p) { return {_mm256_loadu_pd(p)}; }
  static Vec set(double x) { return {_mm256_set1_pd(x)}; }
  static Vec zero() { return {_mm256_setzero_pd()}; }
  void store(double* p) const { _mm256_storeu_pd(p, v); }
};

// 6 × 2 accumulators, 2 vectors of B and 1 broadcast of A fit the 16 registers.
template <typename T>
struct TileLimits {
  static constexpr int kMaxRows = 6;
  static constexpr int kColumnVectors = 2;
};

struct GemmTileLimits {
  static constexpr int kInPlaceVectors = 2;
  static constexpr int kMaxVectors = 2;
  static constexpr int kMaxRows[kMaxVectors] = {12, 6};  // by vectors of columns: 1, 2
};

using Float = Vec<float>;
using Double = Vec<double>;
using FloatMask = Float::Mask;
using DoubleMask = Double::Mask;

inline Float operator+(Float a, Float b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Float operator-(Float a, Float b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Float operator*(Float a, Float b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Float operator/(Float a, Float b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Float operator-(Float a) { return {_mm256_xor_ps(a.v, _mm256_set1_ps(-0.0f))}; }
inline Double operator+(Double a, Double b) { return {_mm256_add_pd(a.v, b.v)}; }
inline Double operator-(Double a, Double b) { return {_mm256_sub_pd(a.v, b.v)}; }
inline Double operator*(Double a, Double b) { return {_mm256_mul_pd(a.v, b.v)}; }
inline Double operator/(Double a, Double b) { return {_mm256_div_pd(a.v, b.v)}; }
inline Double operator-(Double a) { return {_mm256_xor_pd(a.v, _mm256_set1_pd(-0.0))}; }

// a·b + c and c − a·b, rounded once.
inline Float fma(Float a, Float b, Float c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Float negative_fma(Float a, Float b, Float c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
inline Double fma(Double a, Double b, Double c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
inline Double negative_fma(Double a, Double b, Double c) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }

// fma(a, b, sum), for chains, in the register of sum. GCC would take that of a or b where it is needed no more: chains
// then change places from step to step, and are moved back or even stored within the loop.
#if defined(__GNUC__)
inline Float accumulate(Float sum, Float a, Float b) {
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
  return sum;
}
inline Double accumulate(Double sum, Double a, Double b) {
  __asm__("vfmadd231pd %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
  return sum;
}
#else
inline Float accumulate(Float sum, Float a, Float b) { return fma(a, b, sum); }
inline Double accumulate(Double sum, Double a, Double b) { return fma(a, b, sum); }
#endif

// a·b − product, exactly, where product is a·b rounded.
inline Float product_error(Float a, Float b, Float product) { return fma(a, b, -product); }
inline Double product_error(Double a, Double b, Double product) { return fma(a, b, -product); }

// a > b ? a : b and a < b ? a : b: b where either is NaN, so max(zero, z) passes a NaN of z on.
inline Float max(Float a, Float b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Float min(Float a, Float b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Double max(Double a, Double b) { return {_mm256_max_pd(a.v, b.v)}; }
inline Double min(Double a, Double b) { return {_mm256_min_pd(a.v, b.v)}; }

inline Float sqrt(Float a) { return {_mm256_sqrt_ps(a.v)}; }
inline Float abs(Float a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline Double sqrt(Double a) { return {_mm256_sqrt_pd(a.v)}; }
inline Double abs(Double a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v)}; }

inline Float copysign(Float magnitude, Float sign) {
  return {_mm256_or_ps(abs(magnitude).v, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign.v))};
}
inline Double copysign(Double magnitude, Double sign) {
  return {_mm256_or_pd(abs(magnitude).v, _mm256_and_pd(_mm256_set1_pd(-0.0), sign.v))};
}

inline FloatMask less(Float a, Float b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline FloatMask less_equal(Float a, Float b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
inline FloatMask equal(Float a, Float b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
inline FloatMask is_nan(Float a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
inline DoubleMask less(Double a, Double b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
inline DoubleMask less_equal(Double a, Double b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LE_OQ)}; }
inline DoubleMask equal(Double a, Double b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_EQ_OQ)}; }
inline DoubleMask is_nan(Double a) { return {_mm256_cmp_pd(a.v, a.v, _CMP_UNORD_Q)}; }

inline FloatMask mask_and(FloatMask a, FloatMask b) { return {_mm256_and_ps(a.bits, b.bits)}; }
inline FloatMask mask_or(FloatMask a, FloatMask b) { return {_mm256_or_ps(a.bits, b.bits)}; }
inline DoubleMask mask_and(DoubleMask a, DoubleMask b) { return {_mm256_and_pd(a.bits, b.bits)}; }
inline DoubleMask mask_or(DoubleMask a, DoubleMask b) { return {_mm256_or_pd(a.bits, b.bits)}; }

// mask ? a : b, lane by lane.
inline Float select(FloatMask mask, Float a, Float b) { return {_mm256_blendv_ps(b.v, a.v, mask.bits)}; }
inline Double select(DoubleMask mask, Double a, Double b) { return {_mm256_blendv_pd(b.v, a.v, mask.bits)}; }

// All bits set in lanes 0 … n − 1; n in 0 … kLanes.
inline __m256i first_lanes32(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline __m256i first_lanes64(int n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}

// Lanes below n from a, the others from `otherwise`.
inline Float first(int n, Float a, Float otherwise) {
  return select(FloatMask{_mm256_castsi256_ps(first_lanes32(n))}, a, otherwise);
}
inline Double first(int n, Double a, Double otherwise) {
  return select(DoubleMask{_mm256_castsi256_pd(first_lanes64(n))}, a, otherwise);
}

// The first n lanes to or from memory; nothing beyond p[n − 1] is touched. Lanes not loaded are 0.
inline void store_first(int n, Float a, float* p) { _mm256_maskstore_ps(p, first_lanes32(n), a.v); }
inline void store_first(int n, Double a, double* p) { _mm256_maskstore_pd(p, first_lanes64(n), a.v); }
inline Float load_first(int n, const float* p) { return {_mm256_maskload_ps(p, first_lanes32(n))}; }
inline Double load_first(int n, const double* p) { return {_mm256_maskload_pd(p, first_lanes64(n))}; }

// To the nearest integer, ties to even.
inline Float round_nearest(Float a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline Double round_nearest(Double a) { return {_mm256_round_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }

// Σ of all lanes: of lane i and lane i + n/2, then of those halves, down to one.
inline float sum_of_lanes(Float a) {
  const __m128 halves = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 quarters = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
  return _mm_cvtss_f32(_mm_add_ss(quarters, _mm_movehdup_ps(quarters)));
}
inline double sum_of_lanes(Double a) {
  const __m128d halves = _mm_add_pd(_mm256_castpd256_pd128(a.v), _mm256_extractf128_pd(a.v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves)));
}

// 2ⁿ for integral n with a normal result: adding 2²³ + bias (2⁵² + bias) leaves n + bias in the lowest bits.
inline Float power_of_two(Float n) {
  const __m256 biased = _mm256_add_ps(n.v, _mm256_set1_ps(0x1p23f + 127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(biased), 23))};
}
inline Double power_of_two(Double n) {
  const __m256d biased = _mm256_add_pd(n.v, _mm256_set1_pd(0x1p52 + 1023));
  return {_mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(biased), 52))};
}

// 1 / a within an eighth, for a in [2⁻¹²⁶, 2¹²⁶]: its bits are nearly a linear function of those of a. Unlike an
// instruction for it, the same on every processor.
inline Float reciprocal_estimate(Float a) {
  return {_mm256_castsi256_ps(_mm256_sub_epi32(_mm256_set1_epi32(0x7ef311c7), _mm256_castps_si256(a.v)))};
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
  const __m256i root_half = _mm256_set1_epi32(0x3f3504f3);
  const __m256i offset = _mm256_sub_epi32(_mm256_castps_si256(a.v), root_half);
  const __m256i fraction = _mm256_and_si256(offset, _mm256_set1_epi32(0x007fffff));
  mantissa.v = _mm256_castsi256_ps(_mm256_add_epi32(fraction, root_half));
  return {_mm256_cvtepi32_ps(_mm256_srai_epi32(offset, 23))};
}
// There is no 64-bit conversion to double: the biased exponent becomes the lowest bits of 2⁵² + exponent + bias.
inline Double split(Double a, Double& mantissa) {
  const __m256i root_half = _mm256_set1_epi64x(0x3fe6a09e667f3bcd);
  const __m256i offset = _mm256_sub_epi64(_mm256_castpd_si256(a.v), root_half);
  const __m256i fraction = _mm256_and_si256(offset, _mm256_set1_epi64x(0x000fffffffffffff));
  mantissa.v = _mm256_castsi256_pd(_mm256_add_epi64(fraction, root_half));
  const __m256i biased = _mm256_srli_epi64(_mm256_add_epi64(offset, _mm256_set1_epi64x(0x3ff0000000000000)), 52);
  const __m256d magic = _mm256_castsi256_pd(_mm256_or_si256(biased, _mm256_set1_epi64x(0x4330000000000000)));
  return {_mm256_sub_pd(magic, _mm256_set1_pd(0x1p52 + 1023))};
}

// Columns that 128 bits hold of a row.
template <typename T>
constexpr int kTransposed = 16 / sizeof(T);

// destination[c][r] = source[r][c] for kLanes rows of kTransposed columns; strides in elements, no overlap.
// Gathering 128-bit pieces on load leaves only shuffles within 128 bits.
inline void transpose_columns(const float* source, ptrdiff_t source_stride, float* destination,
                              ptrdiff_t destination_stride) {
  __m256 rows[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    const float* p = source + r * source_stride;
    const __m256 piece = _mm256_castps128_ps256(_mm_loadu_ps(p));
    rows[r] = _mm256_insertf128_ps(piece, _mm_loadu_ps(p + 4 * source_stride), 1);
  }
  const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[0], rows[1]));
  const __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[2], rows[3]));
  const __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[0], rows[1]));
  const __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[2], rows[3]));
  _mm256_storeu_ps(destination, _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23)));
  _mm256_storeu_ps(destination + destination_stride, _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23)));
  _mm256_storeu_ps(destination + 2 * destination_stride, _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23)));
  _mm256_storeu_ps(destination + 3 * destination_stride, _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23)));
}

inline void transpose_columns(const double* source, ptrdiff_t source_stride, double* destination,
                              ptrdiff_t destination_stride) {
  __m256d rows[2];
#pragma GCC unroll 2
  for (int r = 0; r < 2; ++r) {
    const double* p = source + r * source_stride;
    const __m256d piece = _mm256_castpd128_pd256(_mm_loadu_pd(p));
    rows[r] = _mm256_insertf128_pd(piece, _mm_loadu_pd(p + 2 * source_stride), 1);
  }
  _mm256_storeu_pd(destination, _mm256_unpacklo_pd(rows[0], rows[1]));
  _mm256_storeu_pd(destination + destination_stride, _mm256_unpackhi_pd(rows[0], rows[1]));
}
