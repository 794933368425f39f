// Elementary functions over Vec<T>: range reduction and a polynomial, the same operations in the same order on every
// ISA, so all with a fused multiply-add give the same bits. Errors, also without one, are at most 2 ulp in float32 and
// 4 in float64 over the whole range; ±0, ±∞, NaN and subnormal numbers come out as the limits say.
//
// The coefficients are minimax polynomials, computed in 250-bit arithmetic by Remez exchange with the weight that makes
// the error relative to the function's value, then rounded; each is given with the largest relative error it leaves.

template <typename T>
struct Coefficients;

template <>
struct Coefficients<float> {
  // ln 2 in two parts; the first is so short that its product with any exponent is exact.
  static constexpr float kLn2High = 0x1.62e4p-1f;
  static constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  // exp(x), and x exp(x), is 0 below; exp is ∞ above.
  static constexpr float kExpMinimum = -110;
  static constexpr float kExpMaximum = 89;
  static constexpr float kSmallestNormal = 0x1p-126f;
  static constexpr float kMaximumExponent = 127;
  // erf is ±1 beyond.
  static constexpr float kErfMaximum = 3.92f;
  // (expm1(r) − r) / r² for |r| ≤ ½ ln 2: 2^−25.8 of expm1(r).
  static constexpr float kExp[] = {0x1.fffffep-2f, 0x1.5554aep-3f, 0x1.555676p-5f, 0x1.122886p-7f, 0x1.6bebdep-10f};
  // (2 artanh(s) − 2s) / s³ in s² for |s| ≤ 3 − 2√2: 2^−30.0 of 2 artanh(s).
  static constexpr float kLog[] = {0x1.55557ap-1f, 0x1.995e9cp-2f, 0x1.31e67ap-2f};
  // (tanh(x) − x) / x³ in x² for |x| ≤ 9/16: 2^−28.7 of tanh(x).
  static constexpr float kTanh[] = {-0x1.555548p-2f, 0x1.110c72p-3f, -0x1.b90946p-5f, 0x1.582fb0p-6f, -0x1.95001cp-8f};
  // erf(x)/x − 1 in x² for |x| ≤ 1: 2^−28.7 of erf(x).
  static constexpr float kErf[] = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2cf8p-4f, -0x1.b7f90ep-6f,
                                   0x1.5405b2p-8f, -0x1.a3f702p-11f, 0x1.496a36p-14f};
  // (ln cosh(x) − x²/2) / x⁴ in x² for |x| ≤ 1: 2^−27.1 of ln cosh(x).
  static constexpr float kLogCosh[] = {-0x1.555550p-4f,  0x1.6c1432p-6f,  -0x1.b9bf94p-8f, 0x1.1b890cp-9f,
                                       -0x1.659114p-11f, 0x1.753fbep-13f, -0x1.b5f13cp-16f};
  // ln(1 − erf(1 + t)) for 0 ≤ t ≤ 2.92: 2^−26.9 of 1.
  static constexpr float kLogErfc[] = {-0x1.d97fc0p+0f, -0x1.51c9b0p+1f, -0x1.afabbcp-1f, -0x1.547cf0p-5f,
                                       0x1.4933c0p-7f,  -0x1.07b662p-9f, 0x1.2f978ap-12f, -0x1.6bd7d6p-16f};
  // exp(x²/2) Φ(−x) (x + 4) = constant + s kTail(s) with s = 8/(x + 4) − 1 for 0 ≤ x ≤ 15, beyond which Φ(−x) is 0:
  // 2^−28.4 of Φ(−x), the constant in two parts.
  static constexpr float kTailMaximum = 15;
  static constexpr float kTailConstant[] = {0x1.82b4bcp-1f, -0x1.cdac8cp-27f};
  static constexpr float kTailSlope[] = {2.0f, 1.2f};
  static constexpr float kTail[] = {0x1.373e3ap-1f,  0x1.8c6dbcp-2f,  0x1.7dff48p-3f,   0x1.eec758p-5f,
                                    0x1.ee1f98p-8f,  -0x1.c95e10p-9f, -0x1.ab20f0p-10f, 0x1.5c2a3ep-13f,
                                    0x1.c3c630p-13f, -0x1.5aa35cp-15f};
  // 2 √(2/π) and 0.044715 of it, in two parts each; beyond the maximum the sigmoid in geluTanh is 0 or 1.
  static constexpr float kGeluLinear[] = {0x1.988454p+0f, -0x1.857936p-25f};
  static constexpr float kGeluCubic[] = {0x1.2444f2p-4f, 0x1.49b16ap-29f};
  static constexpr float kGeluTanhMaximum = 11;
};

template <>
struct Coefficients<double> {
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  static constexpr double kExpMinimum = -760;
  static constexpr double kExpMaximum = 710;
  static constexpr double kSmallestNormal = 0x1p-1022;
  static constexpr double kMaximumExponent = 1023;
  static constexpr double kErfMaximum = 5.92;
  // 2^−60.0 of expm1(r).
  static constexpr double kExp[] = {0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.555555555553ep-5,
                                    0x1.111111110f673p-7,  0x1.6c16c16c1f27dp-10, 0x1.a01a01b001f87p-13,
                                    0x1.a01a017b5c9c0p-16, 0x1.71ddf7fe4cbe4p-19, 0x1.27e5369d61e16p-22,
                                    0x1.af5f689a3f570p-26, 0x1.1ee884c64ac5bp-29};
  // 2^−59.1 of 2 artanh(s).
  static constexpr double kLog[] = {0x1.5555555555593p-1, 0x1.999999997fb31p-2, 0x1.2492494217a04p-2,
                                    0x1.c71c51e7f9e06p-3, 0x1.7466462bd077fp-3, 0x1.39a0f51995832p-3,
                                    0x1.2f0d8d8c48e56p-3};
  // 2^−56.9 of tanh(x).
  static constexpr double kTanh[] = {-0x1.555555555554bp-2,  0x1.11111111102b6p-3,  -0x1.ba1ba1b935e50p-5,
                                     0x1.664f4849569f4p-6,   -0x1.226e2d02653b5p-7, 0x1.d6d247946669ap-9,
                                     -0x1.7d8b95e1840bdp-10, 0x1.3460ac82c53e7p-11, -0x1.e80a936b9625fp-13,
                                     0x1.59726418b1e86p-14,  -0x1.3d27efb98c9d3p-16};
  // 2^−55.0 of erf(x).
  static constexpr double kErf[] = {0x1.06eba8214db68p-3,   -0x1.812746b0379bdp-2,  0x1.ce2f21a040d16p-4,
                                    -0x1.b82ce311fa943p-6,  0x1.565bccf92b3b6p-8,   -0x1.c02db03dd8ecdp-11,
                                    0x1.f9a2baa92aa2bp-14,  -0x1.f4ca4d71e29c7p-17, 0x1.b97fd3f3b749ap-20,
                                    -0x1.5c072790792b2p-23, 0x1.d71b136d5a779p-27,  -0x1.abae55f869f8ep-31};
  // 2^−57.7 of ln cosh(x).
  static constexpr double kLogCosh[] = {-0x1.555555555554cp-4,  0x1.6c16c16c15d23p-6,   -0x1.ba1ba1b991f41p-8,
                                        0x1.1ea5d387abe06p-9,   -0x1.833d98f9ba065p-11, 0x1.0d0b1f67fd252p-12,
                                        -0x1.7d9f566d220a7p-14, 0x1.12dbac4c86402p-15,  -0x1.8ff99d281af03p-17,
                                        0x1.22d2b4fc6e051p-18,  -0x1.9ad72996eeaccp-20, 0x1.094c7fc6a89e5p-21,
                                        -0x1.1a6c173b31997p-23, 0x1.a513a2d7363e9p-26,  -0x1.3d3a413eaedcap-29};
  // For 0 ≤ t ≤ 4.92: 2^−55.9 of 1.
  static constexpr double kLogErfc[] = {-0x1.d97fbf27aa2a1p+0,  -0x1.51c9b0006c21ap+1,  -0x1.afabc11a2afdap-1,
                                        -0x1.5477f099b6c14p-5,  0x1.48c9d37fc1070p-7,   -0x1.033f5a12e66f8p-9,
                                        0x1.f1b04a8a3d3fdp-13,  0x1.b92dd9dff506ep-16,  -0x1.c852aad270cc7p-16,
                                        0x1.448466806c5d6p-17,  -0x1.1e247cfbcfe46p-19, 0x1.b7cf9c01288cap-23,
                                        0x1.f25ba02e6db95p-25,  -0x1.1ed858a9b29dfp-25, 0x1.24b87212bad98p-27,
                                        -0x1.6a9e15c9ce2bdp-30, 0x1.066bf75baf0fep-33,  -0x1.5660b14c5e3f2p-38};
  // For 0 ≤ x ≤ 39: 2^−59.2 of Φ(−x).
  static constexpr double kTailMaximum = 39;
  static constexpr double kTailConstant[] = {0x1.82b4bb8c94dcep-1, 0};
  static constexpr double kTailSlope[] = {2.0, 1.2};
  static constexpr double kTail[] = {
      0x1.373e3a893c28ap-1,   0x1.8c6dbf2cfc2b5p-2,   0x1.7dff2bff68399p-3,   0x1.eec4cc3e4d200p-5,
      0x1.ee2761047f34ep-8,   -0x1.c81719d53e63fp-9,  -0x1.ab825fc0fabc3p-10, 0x1.17a4ae29e24cbp-13,
      0x1.e4a4256e25764p-13,  -0x1.001e4832b3b11p-19, -0x1.26d099741cde9p-15, 0x1.80b1634a6a491p-21,
      0x1.8d4b1f354e09bp-18,  -0x1.51e408c7a8b87p-21, -0x1.1236bdf337efdp-20, 0x1.233b9e39368eep-22,
      0x1.4cec8b9d7b3b9p-23,  -0x1.6c209f9d29b06p-24, -0x1.ce4c3cfeb8cfdp-27, 0x1.4a5640a8ad3d4p-26,
      -0x1.e2fecf9483029p-30, -0x1.4c1a17adbf91ep-29, 0x1.70cff9c44d1c3p-31};
  static constexpr double kGeluLinear[] = {0x1.9884533d43651p+0, -0x1.cbc0d30ebfd15p-54};
  static constexpr double kGeluCubic[] = {0x1.2444f2a4d8b4bp-4, -0x1.6c843a29d1c70p-61};
  static constexpr double kGeluTanhMaximum = 22;
};

// Σ coefficients[i] xⁱ
template <typename T, int N>
inline Vec<T> polynomial(Vec<T> x, const T (&coefficients)[N]) {
  Vec<T> sum = Vec<T>::set(coefficients[N - 1]);
#pragma GCC unroll 32
  for (int i = N - 2; i >= 0; --i) sum = fma(sum, x, Vec<T>::set(coefficients[i]));
  return sum;
}

// x between two limits; NaN stays.
template <typename T>
inline Vec<T> clamp(Vec<T> x, Vec<T> minimum, Vec<T> maximum) {
  return min(maximum, max(minimum, x));
}
template <typename T>
inline Vec<T> clamp(Vec<T> x, T minimum, T maximum) {
  return clamp(x, Vec<T>::set(minimum), Vec<T>::set(maximum));
}

// x = exponent · ln 2 + remainder with |remainder| ≤ ½ ln 2, so exp(x) = 2^exponent · (1 + remainder + tail).
template <typename T>
struct ExpReduction {
  Vec<T> exponent, remainder, tail;
};

template <typename T>
inline ExpReduction<T> reduce_exp(Vec<T> x) {
  using C = Coefficients<T>;
  const Vec<T> exponent = round_nearest(x * Vec<T>::set(T(0x1.71547652b82fep+0)));  // 1 / ln 2
  Vec<T> remainder = negative_fma(exponent, Vec<T>::set(C::kLn2High), x);
  remainder = negative_fma(exponent, Vec<T>::set(C::kLn2Low), remainder);
  return {exponent, remainder, remainder * remainder * polynomial(remainder, C::kExp)};
}

// high + low, nearly as good as a number of twice the precision: for results whose parts would each add an ulp.
template <typename T>
struct Twofold {
  Vec<T> high, low;

  Vec<T> value() const { return high + low; }
};

template <typename T>
inline Twofold<T> product(Vec<T> a, Vec<T> b) {
  const Vec<T> high = a * b;
  return {high, product_error(a, b, high)};
}

// The larger of a and b must be positive, and not smaller in magnitude.
template <typename T>
inline Twofold<T> sum(Vec<T> a, Vec<T> b) {
  const Vec<T> high = a + b;
  return {high, min(a, b) - (high - max(a, b))};
}
template <typename T>
inline Twofold<T> sum(Vec<T> a, Twofold<T> b) {
  const Twofold<T> total = sum(a, b.high);
  return {total.high, total.low + b.low};
}

template <typename T>
inline Twofold<T> select(typename Vec<T>::Mask mask, Twofold<T> a, Twofold<T> b) {
  return {select(mask, a.high, b.high), select(mask, a.low, b.low)};
}

template <typename T>
inline Twofold<T> operator*(Twofold<T> a, Vec<T> b) {
  const Twofold<T> whole = product(a.high, b);
  return {whole.high, fma(a.low, b, whole.low)};
}
template <typename T>
inline Twofold<T> operator*(Twofold<T> a, Twofold<T> b) {
  const Twofold<T> whole = product(a.high, b.high);
  return {whole.high, fma(a.low, b.high, fma(a.high, b.low, whole.low))};
}
template <typename T>
inline Twofold<T> operator/(Twofold<T> a, Twofold<T> b) {
  const Vec<T> quotient = a.high / b.high;
  const Twofold<T> whole = product(quotient, b.high);
  const Vec<T> rest = negative_fma(quotient, b.low, (a.high - whole.high) - whole.low + a.low);
  return {quotient, rest / b.high};
}

// exp(x) = mantissa · 2^exponent. A factor that keeps the product from underflowing must come before the power.
template <typename T>
struct ScaledExp {
  Twofold<T> mantissa;
  Vec<T> exponent;

  Vec<T> value() const { return scale(mantissa.high, exponent); }
  Twofold<T> twofold() const { return scaled(mantissa); }
  template <typename Factor>
  Twofold<T> times(Factor factor) const {
    return scaled(mantissa * factor);
  }

 private:
  Twofold<T> scaled(Twofold<T> x) const { return {scale(x.high, exponent), scale(x.low, exponent)}; }
};

// A rounded argument as large as 100 would cost 50 ulp.
template <typename T>
inline ScaledExp<T> scaled_exp(Twofold<T> x) {
  using C = Coefficients<T>;
  const Vec<T> one = Vec<T>::set(1);
  const ExpReduction<T> reduced = reduce_exp(clamp(x.high, C::kExpMinimum, C::kExpMaximum));
  const Vec<T> tail = fma(x.low, one + (reduced.remainder + reduced.tail), reduced.tail);
  const Vec<T> fraction = reduced.remainder + tail;
  const Vec<T> lost = (reduced.remainder - fraction) + tail;
  return {sum(one, Twofold<T>{fraction, lost}), reduced.exponent};
}
template <typename T>
inline ScaledExp<T> scaled_exp(Vec<T> x) {
  return scaled_exp(Twofold<T>{x, Vec<T>::zero()});
}

template <typename T>
inline Vec<T> exp(Vec<T> x) {
  using C = Coefficients<T>;
  const ExpReduction<T> reduced = reduce_exp(clamp(x, C::kExpMinimum, C::kExpMaximum));
  return scale(Vec<T>::set(1) + (reduced.remainder + reduced.tail), reduced.exponent);
}

// exp(x) − 1 = (2ⁿ − 1) + 2ⁿ·remainder + 2ⁿ·tail, the largest first: for n = 0 it is remainder + tail.
template <typename T>
inline Twofold<T> twofold_expm1(Vec<T> x) {
  using V = Vec<T>;
  using C = Coefficients<T>;
  const ExpReduction<T> reduced = reduce_exp(clamp(x, T(-50), C::kExpMaximum));
  // 2ⁿ itself overflows at the largest n: half of it, and doubled at the end.
  const V exponent = min(reduced.exponent, V::set(C::kMaximumExponent));
  const V power = power_of_two(exponent);
  const V whole = power - V::set(1);
  const V partial = fma(power, reduced.remainder, whole);
  const V high = fma(power, reduced.tail, partial);
  const V low = fma(power, reduced.remainder, whole - partial) + fma(power, reduced.tail, partial - high);
  const V doubling = power_of_two(reduced.exponent - exponent);
  return {high * doubling, low * doubling};
}

template <typename T>
inline Vec<T> expm1(Vec<T> x) {
  return copysign(twofold_expm1(x).high, x);
}

// ln(2^exponent · (1 + f)) for 1 + f in [√½, √2): ln(1 + f) = 2 artanh(s) with s = f / (2 + f), and 2s = f − s·f.
template <typename T>
inline Vec<T> log_of_parts(Vec<T> exponent, Vec<T> f) {
  using V = Vec<T>;
  using C = Coefficients<T>;
  const V s = f / (V::set(2) + f);
  const V square = s * s;
  const V correction = s * (f - square * polynomial(square, C::kLog));
  const V small = fma(exponent, V::set(C::kLn2Low), -correction);
  return fma(exponent, V::set(C::kLn2High), f + small);
}

template <typename T>
inline Vec<T> not_a_number() {
  return Vec<T>::set(static_cast<T>(__builtin_nanf("")));
}

template <typename T>
inline Vec<T> infinity() {
  return Vec<T>::set(static_cast<T>(__builtin_inff()));
}

template <typename T>
inline Vec<T> log(Vec<T> x) {
  using V = Vec<T>;
  const typename V::Mask subnormal = less(x, V::set(Coefficients<T>::kSmallestNormal));
  V mantissa;
  V exponent = split(select(subnormal, x * V::set(T(0x1p64)), x), mantissa);
  exponent = exponent - select(subnormal, V::set(64), V::zero());
  V result = log_of_parts(exponent, mantissa - V::set(1));
  result = select(less(x, infinity<T>()), result, x);  // ∞ and NaN
  result = select(equal(x, V::zero()), -infinity<T>(), result);
  return select(less(x, V::zero()), not_a_number<T>(), result);
}

// ln(1 + x): 1 + x is rounded to sum; what it lost is added to the mantissa's fraction, where it still counts.
template <typename T>
inline Vec<T> log1p(Vec<T> x) {
  using V = Vec<T>;
  const V one = V::set(1);
  const V sum = one + x;
  const V lost = min(one, x) - (sum - max(one, x));
  V mantissa;
  const V exponent = split(sum, mantissa);
  // Beyond 2⁶⁴ nothing is lost, and 2^−exponent need not exist.
  const V f = fma(lost, power_of_two(max(V::set(-64), -exponent)), mantissa - one);
  V result = copysign(log_of_parts(exponent, f), x);
  result = select(less(x, infinity<T>()), result, x);  // ∞ and NaN
  result = select(equal(x, -one), -infinity<T>(), result);
  return select(less(x, -one), not_a_number<T>(), result);
}

// An odd polynomial near 0, 1 − 2 / (exp(2x) + 1) beyond.
template <typename T>
inline Vec<T> tanh(Vec<T> x) {
  using V = Vec<T>;
  const V magnitude = abs(x);
  const V square = magnitude * magnitude;
  const V near = fma(magnitude * square, polynomial(square, Coefficients<T>::kTanh), magnitude);
  const V far = V::set(1) - V::set(2) / (exp(magnitude + magnitude) + V::set(1));
  return copysign(select(less(magnitude, V::set(T(0.5625))), near, far), x);
}

// With e = exp(−|x|) and q = e / (1 + e): 1 − q for x ≥ 0, and e − e·q, which is q but rounds less, for x < 0.
template <typename T>
inline Vec<T> sigmoid(Vec<T> x) {
  using V = Vec<T>;
  const V e = exp(-abs(x));
  const V quotient = e / (V::set(1) + e);
  const V base = select(less(x, V::zero()), e, V::set(1));
  return negative_fma(base, quotient, base);
}

// ln(1 + exp(x))
template <typename T>
inline Vec<T> softplus(Vec<T> x) {
  return max(Vec<T>::zero(), x) + log1p(exp(-abs(x)));
}

// An odd polynomial near 0, 1 − exp(ln(1 − erf(x))) beyond.
template <typename T>
inline Vec<T> erf(Vec<T> x) {
  using V = Vec<T>;
  using C = Coefficients<T>;
  const V one = V::set(1);
  const V magnitude = abs(x);
  const V near = fma(magnitude, polynomial(magnitude * magnitude, C::kErf), magnitude);
  const V beyond = min(V::set(C::kErfMaximum), magnitude) - one;
  const V far = one - exp(polynomial(beyond, C::kLogErfc));
  return copysign(select(less(magnitude, one), near, far), x);
}

// ln cosh(x): x²/2, whose rounding error is made up for, and a polynomial near 0, |x| − ln 2 + ln(1 + exp(−2|x|))
// beyond.
template <typename T>
inline Vec<T> log_cosh(Vec<T> x) {
  using V = Vec<T>;
  const V half = V::set(T(0.5));
  const V magnitude = abs(x);
  const Twofold<T> square = product(magnitude, magnitude);
  const V curve = square.high * square.high * polynomial(square.high, Coefficients<T>::kLogCosh);
  const V near = fma(half, square.high, fma(half, square.low, curve));
  const V base = magnitude - V::set(T(0x1.62e42fefa39efp-1));
  const V far = base + log1p(exp(-(magnitude + magnitude)));
  return select(less(magnitude, V::set(1)), near, far);
}

// Φ(−x) = exponential · ratio for the standard normal distribution and x ≥ 0; exponential = exp(−x²/2). Accurate where
// Φ(−x) is tiny, unlike 1 − Φ(x).
template <typename T>
struct NormalTail {
  ScaledExp<T> exponential;
  Twofold<T> ratio;
};

template <typename T>
inline NormalTail<T> normal_tail(Vec<T> x) {
  using V = Vec<T>;
  using C = Coefficients<T>;
  const V one = V::set(1);
  const Twofold<T> inverse = Twofold<T>{one, V::zero()} / sum(V::set(4), x);
  const V position = V::set(8) * inverse.high - one;
  Twofold<T> factor = sum(V::set(C::kTailConstant[0]), product(position, polynomial(position, C::kTail)));
  factor.low = factor.low + V::set(C::kTailConstant[1]);
  // What inverse.low adds to inverse · factor, relative to inverse: about kTailSlope[0] + kTailSlope[1] · position.
  Twofold<T> ratio = factor * inverse.high;
  ratio.low = fma(inverse.low, factor.high * polynomial(position, C::kTailSlope), ratio.low);
  const V half = V::set(T(-0.5));
  const Twofold<T> square = product(x, x);
  return {scaled_exp(Twofold<T>{half * square.high, half * square.low}), ratio};
}

// sign(x), with ±0 and NaN as they are.
template <typename T>
inline Vec<T> sign(Vec<T> x) {
  using V = Vec<T>;
  return select(less(V::zero(), x), V::set(1), select(less(x, V::zero()), V::set(-1), x));
}
