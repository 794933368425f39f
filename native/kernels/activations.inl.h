// One struct per activation: its formula, and its derivative from what it saves. The list at the bottom is the
// registry. To add one: a struct here, its name in the list, and an entry in src/activations.ts.

// What the derivative is computed from; without parameters unless a struct says otherwise.
struct FromOutput {
  static constexpr int kParameters = 0;
  static constexpr bool kSavesPreActivation = false;
};
struct FromPreActivation {
  static constexpr int kParameters = 0;
  static constexpr bool kSavesPreActivation = true;
};

// 1 if z > 0, else 0.
struct Step : FromOutput {
  static constexpr const char* kName = "step";
  template <typename V>
  static V value(V z, const V*) {
    return select(less(V::zero(), z), V::set(1), select(is_nan(z), z, V::zero()));
  }
  template <typename V>
  static V derivative(V, const V*) {
    return V::zero();
  }
};

struct Sigmoid : FromOutput {
  static constexpr const char* kName = "sigmoid";
  template <typename V>
  static V value(V z, const V*) {
    return sigmoid(z);
  }
  template <typename V>
  static V derivative(V a, const V*) {
    return a * (V::set(1) - a);
  }
};

struct Tanh : FromOutput {
  static constexpr const char* kName = "tanh";
  template <typename V>
  static V value(V z, const V*) {
    return tanh(z);
  }
  template <typename V>
  static V derivative(V a, const V*) {
    return (V::set(1) - a) * (V::set(1) + a);
  }
};

struct Relu : FromOutput {
  static constexpr const char* kName = "relu";
  template <typename V>
  static V value(V z, const V*) {
    return max(V::zero(), z);  // in this order a NaN of z comes through
  }
  template <typename V>
  static V derivative(V a, const V*) {
    return select(less(V::zero(), a), V::set(1), V::zero());
  }
};

struct LeakyRelu : FromPreActivation {
  static constexpr const char* kName = "leakyRelu";
  static constexpr int kParameters = 1;  // slope
  template <typename V>
  static V value(V z, const V* parameters) {
    return z * derivative(z, parameters);
  }
  template <typename V>
  static V derivative(V z, const V* parameters) {
    return select(less(V::zero(), z), V::set(1), parameters[0]);
  }
};

// alpha (eᶻ − 1) where z < 0 (Clevert, Unterthiner and Hochreiter, 2015).
struct Elu : FromPreActivation {
  static constexpr const char* kName = "elu";
  static constexpr int kParameters = 1;  // alpha
  template <typename V>
  static V value(V z, const V* parameters) {
    return select(less(z, V::zero()), (twofold_expm1(z) * parameters[0]).value(), z);
  }
  template <typename V>
  static V derivative(V z, const V* parameters) {
    return select(less(V::zero(), z), V::set(1), parameters[0] * exp(z));
  }
};

// Klambauer et al., 2017: scale · elu(z) with the two numbers that keep mean 0 and variance 1.
struct Selu : FromPreActivation {
  static constexpr const char* kName = "selu";
  static constexpr double kScale = 1.0507009873554804934193349852946;
  // scale · alpha with alpha = 1.6732632423543772848170429916717, and what double drops of it
  static constexpr double kNegative = 0x1.c212cc640f031p+0;
  static constexpr double kNegativeRest = 0x1.05161b045a1fep-56;
  template <typename V>
  static V value(V z, const V*) {
    using T = typename V::Scalar;
    constexpr T kHigh = static_cast<T>(kNegative);
    constexpr T kLow = static_cast<T>(kNegative - static_cast<double>(kHigh) + kNegativeRest);
    const V negative = (twofold_expm1(z) * Twofold<T>{V::set(kHigh), V::set(kLow)}).value();
    return select(less(z, V::zero()), negative, V::set(static_cast<T>(kScale)) * z);
  }
  template <typename V>
  static V derivative(V z, const V*) {
    using T = typename V::Scalar;
    const V negative = V::set(static_cast<T>(kNegative)) * exp(z);
    return select(less(V::zero(), z), V::set(static_cast<T>(kScale)), negative);
  }
};

// Activations z · g(z) with a gate g(−z) = 1 − g(z) are computed from m = |z|, held where g(−m) is 0: no cancellation,
// no 0 · ∞. `product` is m · g(−m), `derivative` is the activation's at −m.
template <typename T>
inline Vec<T> gated(Vec<T> z, Twofold<T> product) {
  return copysign((max(Vec<T>::zero(), z) - product.high) - product.low, z);
}
template <typename V>
inline V gated_derivative(V z, V derivative) {
  return select(less(z, V::zero()), derivative, V::set(1) - derivative);
}
template <typename T>
inline Vec<T> held_magnitude(Vec<T> z, T maximum) {
  return min(Vec<T>::set(maximum), abs(z));
}

// m e / (1 + e)
template <typename T>
inline Twofold<T> logistic_product(Vec<T> m, ScaledExp<T> exponential) {
  return exponential.times(m) / sum(Vec<T>::set(1), exponential.twofold());
}

// z Φ(z) (Hendrycks and Gimpel, 2016).
struct Gelu : FromPreActivation {
  static constexpr const char* kName = "gelu";
  template <typename V>
  static V value(V z, const V*) {
    const V m = magnitude(z);
    const auto tail = normal_tail(m);
    return gated(z, tail.exponential.times(tail.ratio * m));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    const V density = V::set(static_cast<typename V::Scalar>(0x1.9884533d43651p-2));  // 1 / √(2π)
    const V m = magnitude(z);
    const auto tail = normal_tail(m);
    return gated_derivative(z, tail.exponential.value() * negative_fma(m, density, tail.ratio.value()));
  }

 private:
  template <typename V>
  static V magnitude(V z) {
    return held_magnitude(z, Coefficients<typename V::Scalar>::kTailMaximum);
  }
};

// z σ(2u) = z (1 + tanh u) / 2 with u = √(2/π) (z + 0.044715 z³). For exp, 2u is computed to twice the precision.
struct GeluTanh : FromPreActivation {
  static constexpr const char* kName = "geluTanh";
  template <typename V>
  static V value(V z, const V*) {
    const V m = magnitude(z);
    return gated(z, logistic_product(m, exponential(m)));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    using C = Coefficients<typename V::Scalar>;
    const V m = magnitude(z);
    const V e = exponential(m).value();
    const V complement = V::set(1) / (V::set(1) + e);
    const V slope = fma(V::set(3 * C::kGeluCubic[0]), m * m, V::set(C::kGeluLinear[0]));
    return gated_derivative(z, e * complement * negative_fma(m * slope, complement, V::set(1)));
  }

 private:
  template <typename V>
  static V magnitude(V z) {
    return held_magnitude(z, Coefficients<typename V::Scalar>::kGeluTanhMaximum);
  }
  // exp(−m (linear + cubic m²))
  template <typename V>
  static auto exponential(V m) {
    using C = Coefficients<typename V::Scalar>;
    const V linear = V::set(C::kGeluLinear[0]), cubic = V::set(C::kGeluCubic[0]);
    const auto factor = sum(linear, product(m, m) * cubic);
    const V low = V::set(C::kGeluLinear[1]) + V::set(C::kGeluCubic[1]) * m * m;
    return scaled_exp(Twofold<typename V::Scalar>{factor.high, factor.low + low} * -m);
  }
};

// z σ(z) (Elfwing, Uchibe and Doya, 2017).
struct Silu : FromPreActivation {
  static constexpr const char* kName = "silu";
  template <typename V>
  static V value(V z, const V*) {
    const V m = magnitude(z);
    return gated(z, logistic_product(m, scaled_exp(-m)));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    const V m = magnitude(z);
    const V e = exp(-m);
    const V complement = V::set(1) / (V::set(1) + e);
    return gated_derivative(z, e * complement * negative_fma(m, complement, V::set(1)));
  }

 private:
  template <typename V>
  static V magnitude(V z) {
    return held_magnitude(z, -Coefficients<typename V::Scalar>::kExpMinimum);
  }
};

// z tanh(ln(1 + eᶻ)) (Misra, 2019). The tangent is n / (n + r) with n = e (e + 2), r = 2 and e = eᶻ; for z ≥ 0 with
// both multiplied by e⁻²ᶻ, so that nothing overflows.
struct Mish : FromPreActivation {
  static constexpr const char* kName = "mish";
  template <typename V>
  static V value(V z, const V*) {
    const V one = V::set(1), half = V::set(static_cast<typename V::Scalar>(0.5));
    const typename V::Mask below = less(z, V::zero());
    const V m = magnitude(z);
    const auto exponential = scaled_exp(-m);
    const auto e = exponential.twofold();
    // z < 0: h / (1 + h) with h = e (1 + e/2). z ≥ 0: 1 − e² / (½ + h) with h = e (1 + e).
    const V share = select(below, half, one);
    const auto growth = sum(one, e * share);
    const auto factor = select(below, growth, e);
    return gated(z, exponential.times(m) * factor / sum(select(below, one, half), e * growth));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    const V one = V::set(1), two = V::set(2), four = V::set(4);
    const typename V::Mask below = less(z, V::zero());
    const V m = magnitude(z);
    const V e = exp(-m);
    const V numerator = select(below, e * (e + two), fma(two, e, one));
    const V denominator = numerator + select(below, two, two * e * e);
    const V slope = four * e * (one + e) * select(below, one, e) / denominator;
    return fma(copysign(m, z), slope, numerator) / denominator;
  }

 private:
  template <typename V>
  static V magnitude(V z) {
    return held_magnitude(z, -Coefficients<typename V::Scalar>::kExpMinimum);
  }
};

// ln(1 + eᶻ), and z itself above 20, as PyTorch.
struct Softplus : FromPreActivation {
  static constexpr const char* kName = "softplus";
  template <typename V>
  static V value(V z, const V*) {
    return select(less(V::set(20), z), z, softplus(z));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    return select(less(V::set(20), z), V::set(1), sigmoid(z));
  }
};

// z / (1 + |z|)
struct Softsign : FromPreActivation {
  static constexpr const char* kName = "softsign";
  template <typename V>
  static V value(V z, const V*) {
    const V one = V::set(1);
    return select(less(abs(z), infinity<typename V::Scalar>()), z / (one + abs(z)), clamp(z, -one, one));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    using T = typename V::Scalar;
    const V one = V::set(1);
    const V limit = V::set(0x1p60f);  // beyond it the 1 is lost, and products would overflow
    const V magnitude = abs(z);
    const Twofold<T> inverse = Twofold<T>{one, V::zero()} / sum(one, min(limit, magnitude));
    const V far = one / magnitude;
    return select(less(magnitude, limit), (inverse * inverse).value(), far * far);
  }
};

// min(max(z + 3, 0), 6) / 6; the slope is PyTorch's, which rounds it to float in double too.
struct HardSigmoid : FromPreActivation {
  static constexpr const char* kName = "hardSigmoid";
  template <typename V>
  static V value(V z, const V*) {
    return clamp(z + V::set(3), V::zero(), V::set(6)) / V::set(6);
  }
  template <typename V>
  static V derivative(V z, const V*) {
    return select(less(abs(z), V::set(3)), V::set(1.0f / 6), V::zero());
  }
};

struct HardTanh : FromPreActivation {
  static constexpr const char* kName = "hardTanh";
  template <typename V>
  static V value(V z, const V*) {
    return clamp(z, V::set(-1), V::set(1));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    return select(less(abs(z), V::set(1)), V::set(1), V::zero());
  }
};

struct Relu6 : FromPreActivation {
  static constexpr const char* kName = "relu6";
  template <typename V>
  static V value(V z, const V*) {
    return clamp(z, V::zero(), V::set(6));
  }
  template <typename V>
  static V derivative(V z, const V*) {
    return select(mask_and(less(V::zero(), z), less(z, V::set(6))), V::set(1), V::zero());
  }
};

struct Exponential : FromOutput {
  static constexpr const char* kName = "exponential";
  template <typename V>
  static V value(V z, const V*) {
    return exp(z);
  }
  template <typename V>
  static V derivative(V a, const V*) {
    return a;
  }
};

// a = exp(z − max z) / Σ exp(z − max z) over a row.
struct Softmax : FromOutput {
  static constexpr const char* kName = "softmax";

  template <typename T>
  static void forward_rows(const RowwiseForward<T>& args, Range rows) {
    for (int r = rows.begin; r < rows.end; ++r) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
      const T total = softmax_row(args.input, args.output, args.width, at).total;
      for_row<T>(args.width, [&](int p, int c, int) {
        T* const a = args.output.panel(p) + at + c;
        (Vec<T>::load(a) / Vec<T>::set(total)).store(a);
      });
    }
  }

  // δ = a ⊙ (g − Σ g a)
  template <typename T>
  static void backward_rows(const RowwiseBackward<T>& args, Range rows) {
    using V = Vec<T>;
    for (int r = rows.begin; r < rows.end; ++r) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
      LaneSums<T> dot;
      for_row<T>(args.width, [&](int p, int c, int valid) {
        const V product = V::load(args.gradient.panel(p) + at + c) * V::load(args.saved.panel(p) + at + c);
        dot.add(c, first(valid, product, V::zero()));
      });
      const V mean = V::set(dot.total());
      for_row<T>(args.width, [&](int p, int c, int valid) {
        const V delta = V::load(args.saved.panel(p) + at + c) * (V::load(args.gradient.panel(p) + at + c) - mean);
        first(valid, delta, V::zero()).store(args.delta.panel(p) + at + c);
      });
    }
  }
};

// a = z − max z − ln Σ exp(z − max z) over a row.
struct LogSoftmax : FromOutput {
  static constexpr const char* kName = "logSoftmax";

  template <typename T>
  static void forward_rows(const RowwiseForward<T>& args, Range rows) {
    using V = Vec<T>;
    for (int r = rows.begin; r < rows.end; ++r) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
      const V maximum = V::set(row_maximum(args.input, args.width, at));
      const auto below = [&](int p, int c) { return V::load(args.input.panel(p) + at + c) - maximum; };
      const T total = sum_of_columns<T>(args.width, [&](int p, int c) { return exp(below(p, c)); });
      const V logarithm = V::set(static_cast<T>(natural_logarithm(total)));
      for_row<T>(args.width, [&](int p, int c, int valid) {
        first(valid, below(p, c) - logarithm, V::zero()).store(args.output.panel(p) + at + c);
      });
    }
  }

  // δ = g − exp(a) Σ g
  template <typename T>
  static void backward_rows(const RowwiseBackward<T>& args, Range rows) {
    using V = Vec<T>;
    for (int r = rows.begin; r < rows.end; ++r) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
      const auto gradient = [&](int p, int c) { return V::load(args.gradient.panel(p) + at + c); };
      const V sum = V::set(sum_of_columns<T>(args.width, gradient));
      for_row<T>(args.width, [&](int p, int c, int valid) {
        const V delta = negative_fma(exp(V::load(args.saved.panel(p) + at + c)), sum, gradient(p, c));
        first(valid, delta, V::zero()).store(args.delta.panel(p) + at + c);
      });
    }
  }
};

template <typename T, typename Activation>
void activation_forward(const T* input, T* output, ptrdiff_t count, const T* parameters) {
  using V = Vec<T>;
  V p[kMaxParameters];
  for (int i = 0; i < Activation::kParameters; ++i) p[i] = V::set(parameters[i]);
  for (ptrdiff_t i = 0; i < count; i += V::kLanes) Activation::value(V::load(input + i), p).store(output + i);
}

template <typename T, typename Activation>
void activation_backward(const T* saved, const T* gradient, T* delta, ptrdiff_t count, const T* parameters) {
  using V = Vec<T>;
  V p[kMaxParameters];
  for (int i = 0; i < Activation::kParameters; ++i) p[i] = V::set(parameters[i]);
  for (ptrdiff_t i = 0; i < count; i += V::kLanes) {
    (V::load(gradient + i) * Activation::derivative(V::load(saved + i), p)).store(delta + i);
  }
}

template <typename T, typename Activation>
constexpr ActivationKernel<T> elementwise = {
    .name = Activation::kName,
    .parameters = Activation::kParameters,
    .saves_pre_activation = Activation::kSavesPreActivation,
    .forward = activation_forward<T, Activation>,
    .backward = activation_backward<T, Activation>,
};

template <typename T, typename Activation>
constexpr ActivationKernel<T> rowwise = {
    .name = Activation::kName,
    .parameters = Activation::kParameters,
    .saves_pre_activation = Activation::kSavesPreActivation,
    .forward_rows = Activation::template forward_rows<T>,
    .backward_rows = Activation::template backward_rows<T>,
};

template <typename T>
constexpr ActivationKernel<T> kActivations[] = {
    {.name = "identity"},     elementwise<T, Step>,        elementwise<T, Sigmoid>,     elementwise<T, Tanh>,
    elementwise<T, Relu>,     elementwise<T, LeakyRelu>,   elementwise<T, Elu>,         elementwise<T, Selu>,
    elementwise<T, Gelu>,     elementwise<T, GeluTanh>,    elementwise<T, Silu>,        elementwise<T, Mish>,
    elementwise<T, Softplus>, elementwise<T, Softsign>,    elementwise<T, HardSigmoid>, elementwise<T, HardTanh>,
    elementwise<T, Relu6>,    elementwise<T, Exponential>, rowwise<T, Softmax>,         rowwise<T, LogSoftmax>,
};
