// One struct per activation: its formula, and its derivative from what it saves. The list at the bottom is the
// registry. To add one: a struct here, its name in the list, and an entry in src/activations.ts.

struct Sigmoid {
  static constexpr const char* kName = "sigmoid";
  static constexpr int kParameters = 0;
  static constexpr bool kSavesPreActivation = false;
  template <typename V>
  static V value(V z, const V*) {
    return sigmoid(z);
  }
  template <typename V>
  static V derivative(V a, const V*) {
    return a * (V::set(1) - a);
  }
};

struct Tanh {
  static constexpr const char* kName = "tanh";
  static constexpr int kParameters = 0;
  static constexpr bool kSavesPreActivation = false;
  template <typename V>
  static V value(V z, const V*) {
    return tanh(z);
  }
  template <typename V>
  static V derivative(V a, const V*) {
    return negative_fma(a, a, V::set(1));
  }
};

struct Relu {
  static constexpr const char* kName = "relu";
  static constexpr int kParameters = 0;
  static constexpr bool kSavesPreActivation = false;
  template <typename V>
  static V value(V z, const V*) {
    return max(V::zero(), z);  // in this order a NaN of z comes through
  }
  template <typename V>
  static V derivative(V a, const V*) {
    return select(less(V::zero(), a), V::set(1), V::zero());
  }
};

// a = exp(z − max z) / Σ exp(z − max z) over a row.
struct Softmax {
  static constexpr const char* kName = "softmax";
  static constexpr int kParameters = 0;
  static constexpr bool kSavesPreActivation = false;

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
    {.name = "identity"}, elementwise<T, Sigmoid>, elementwise<T, Tanh>, elementwise<T, Relu>, rowwise<T, Softmax>,
};
