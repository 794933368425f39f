// One struct per loss: the value and gradient of an element, or of a row where elements depend on each other. The list
// at the bottom is the registry. To add one: a struct here, its name in the list, and an entry in src/losses.ts.

struct SquaredError {
  static constexpr const char* kName = "squaredError";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V prediction, V target, const V*, V& gradient) {
    const V difference = prediction - target;
    gradient = difference + difference;
    return difference * difference;
  }
};

// On probabilities. Logarithms are held above −100 and the divisor above 1e-12, as in PyTorch's BCELoss.
struct BinaryCrossEntropy {
  static constexpr const char* kName = "binaryCrossEntropy";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const V one = V::set(1);
    const V floor = V::set(-100);
    gradient = (p - t) / max(V::set(static_cast<typename V::Scalar>(1e-12)), p * (one - p));
    return -(t * max(floor, log(p)) + (one - t) * max(floor, log1p(-p)));
  }
};

// On the logits of a sigmoid: max(z, 0) − z t + ln(1 + e^−|z|), finite for every finite z.
struct SigmoidCrossEntropy {
  static constexpr const char* kName = "sigmoidCrossEntropy";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V z, V t, const V*, V& gradient) {
    gradient = sigmoid(z) - t;
    return (max(V::zero(), z) - z * t) + log1p(exp(-abs(z)));
  }
};

// On logits: Σ t (ln Σ e^z − z), with t one class or a distribution.
struct SoftmaxCrossEntropy {
  static constexpr const char* kName = "softmaxCrossEntropy";
  static constexpr int kParameters = 0;

  template <typename T>
  static double row(const LossRows<T>& args, int r) {
    using V = Vec<T>;
    const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
    const SoftmaxRow<T> softmax = softmax_row(args.prediction, args.gradient, args.width, at);
    const V scale = V::set(args.scale[r]);
    if (args.classes) {
      const int label = args.classes[r];
      for_row<T>(args.width, [&](int p, int c, int) {
        T* const g = args.gradient.panel(p) + at + c;
        (scale * (V::load(g) / V::set(softmax.total))).store(g);
      });
      const T logit = args.prediction.panel(label / kPanel<T>)[at + label % kPanel<T>];
      T& own = args.gradient.panel(label / kPanel<T>)[at + label % kPanel<T>];
      own = own - args.scale[r];
      return static_cast<double>(softmax.maximum) - static_cast<double>(logit) + natural_logarithm(softmax.total);
    }
    LaneSums<T> mass_lanes;
    LaneSums<T> half_lanes;  // half of each difference: the whole may pass the largest float
    const V half = V::set(static_cast<T>(0.5));
    const V half_maximum = V::set(softmax.maximum * static_cast<T>(0.5));
    for_row<T>(args.width, [&](int p, int c, int valid) {
      const V t = first(valid, V::load(args.target.panel(p) + at + c), V::zero());
      const V z = first(valid, V::load(args.prediction.panel(p) + at + c), V::zero());
      mass_lanes.add(c, t);
      half_lanes.add(c, t * (half_maximum - half * z));
    });
    const T mass = mass_lanes.total();
    for_row<T>(args.width, [&](int p, int c, int valid) {
      T* const g = args.gradient.panel(p) + at + c;
      const V difference = V::set(mass) * (V::load(g) / V::set(softmax.total)) - V::load(args.target.panel(p) + at + c);
      first(valid, scale * difference, V::zero()).store(g);
    });
    return 2 * static_cast<double>(half_lanes.total()) + static_cast<double>(mass) * natural_logarithm(softmax.total);
  }

 private:
  template <typename T>
  static double natural_logarithm(T x) {
    T lanes[Vec<T>::kLanes];
    log(Vec<T>::set(x)).store(lanes);
    return static_cast<double>(lanes[0]);
  }
};

template <typename T, typename Loss>
void elementwise_rows(const LossRows<T>& args, Range rows) {
  using V = Vec<T>;
  V parameters[kMaxParameters];
  for (int i = 0; i < Loss::kParameters; ++i) parameters[i] = V::set(args.parameters[i]);
  for (int r = rows.begin; r < rows.end; ++r) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
    const V scale = V::set(args.scale[r]);
    LaneSums<T> sum;
    for_row<T>(args.width, [&](int p, int c, int valid) {
      V gradient;
      const V value = Loss::evaluate(V::load(args.prediction.panel(p) + at + c), V::load(args.target.panel(p) + at + c),
                                     parameters, gradient);
      sum.add(c, first(valid, value, V::zero()));
      first(valid, scale * gradient, V::zero()).store(args.gradient.panel(p) + at + c);
    });
    args.row_loss[r] = static_cast<double>(sum.total());
  }
}

template <typename T, typename Loss>
void whole_rows(const LossRows<T>& args, Range rows) {
  for (int r = rows.begin; r < rows.end; ++r) args.row_loss[r] = Loss::row(args, r);
}

template <typename T, typename Loss>
constexpr LossKernel<T> elementwise_loss = {Loss::kName, Loss::kParameters, elementwise_rows<T, Loss>};
template <typename T, typename Loss>
constexpr LossKernel<T> rowwise_loss = {Loss::kName, Loss::kParameters, whole_rows<T, Loss>};

template <typename T>
constexpr LossKernel<T> kLosses[] = {
    elementwise_loss<T, SquaredError>,
    elementwise_loss<T, BinaryCrossEntropy>,
    elementwise_loss<T, SigmoidCrossEntropy>,
    rowwise_loss<T, SoftmaxCrossEntropy>,
};
