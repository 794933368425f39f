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

struct AbsoluteError {
  static constexpr const char* kName = "absoluteError";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V prediction, V target, const V*, V& gradient) {
    const V difference = prediction - target;
    gradient = sign(difference);
    return abs(difference);
  }
};

// d²/2 for |d| ≤ delta, beyond that delta (|d| − delta/2) (Huber, 1964).
struct Huber {
  static constexpr const char* kName = "huber";
  static constexpr int kParameters = 1;  // delta
  template <typename V>
  static V evaluate(V prediction, V target, const V* parameters, V& gradient) {
    const V half = V::set(static_cast<typename V::Scalar>(0.5));
    const V delta = parameters[0];
    const V difference = prediction - target;
    const V magnitude = abs(difference);
    gradient = clamp(difference, -delta, delta);
    return select(less_equal(magnitude, delta), half * difference * difference, delta * (magnitude - half * delta));
  }
};

struct LogCosh {
  static constexpr const char* kName = "logCosh";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V prediction, V target, const V*, V& gradient) {
    const V difference = prediction - target;
    gradient = tanh(difference);
    return log_cosh(difference);
  }
};

// On probabilities. Logarithms are held above −100 and the divisor above 1e-12 (of a float, in double too), as in
// PyTorch's BCELoss.
struct BinaryCrossEntropy {
  static constexpr const char* kName = "binaryCrossEntropy";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const V one = V::set(1);
    const V floor = V::set(-100);
    gradient = (p - t) / max(V::set(1e-12f), p * (one - p));
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

// The next four are on labels t = ±1 and a score p.
struct Hinge {
  static constexpr const char* kName = "hinge";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const V shortfall = V::set(1) - t * p;
    gradient = select(less(V::zero(), shortfall), -t, V::zero());
    return max(V::zero(), shortfall);
  }
};

struct SquaredHinge {
  static constexpr const char* kName = "squaredHinge";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const V shortfall = max(V::zero(), V::set(1) - t * p);
    gradient = V::set(-2) * t * shortfall;
    return shortfall * shortfall;
  }
};

// ln(1 + e^−tp)
struct Logistic {
  static constexpr const char* kName = "logistic";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const V margin = t * p;
    gradient = -t * sigmoid(-margin);
    return softplus(-margin);
  }
};

// max(0, −tp), with the perceptron rule's gradient −t wherever tp ≤ 0 (Rosenblatt, 1958).
struct Perceptron {
  static constexpr const char* kName = "perceptron";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const V margin = t * p;
    gradient = select(less_equal(margin, V::zero()), -t, V::zero());
    return max(V::zero(), -margin);
  }
};

// p − t ln p on rates; 0 ln 0 = 0.
struct Poisson {
  static constexpr const char* kName = "poisson";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const typename V::Mask none = equal(t, V::zero());
    gradient = V::set(1) - select(none, V::zero(), t / p);
    return p - select(none, V::zero(), t * log(p));
  }
};

// t ln(t / p) on probabilities; 0 ln 0 = 0.
struct KlDivergence {
  static constexpr const char* kName = "klDivergence";
  static constexpr int kParameters = 0;
  template <typename V>
  static V evaluate(V p, V t, const V*, V& gradient) {
    const typename V::Mask none = equal(t, V::zero());
    gradient = select(none, V::zero(), -(t / p));
    return select(none, V::zero(), t * (log(t) - log(p)));
  }
};

// On logits: Σ t (ln Σ e^z − z), with t one class or a distribution, smoothed to (1 − labelSmoothing) t +
// labelSmoothing / width (Szegedy et al., 2015).
struct SoftmaxCrossEntropy {
  static constexpr const char* kName = "softmaxCrossEntropy";
  static constexpr int kParameters = 1;  // labelSmoothing

  // A vector's lanes of rows together: one logarithm for all of them.
  template <typename T>
  static void rows(const LossRows<T>& args, Range rows) {
    constexpr int kLanes = Vec<T>::kLanes;
    for (int start = rows.begin; start < rows.end; start += kLanes) {
      const int count = min_of(kLanes, rows.end - start);
      T logarithms[kLanes] = {};
      Parts parts[kLanes];
      for (int i = 0; i < count; ++i) {
        const ptrdiff_t at = static_cast<ptrdiff_t>(start + i) * kPanel<T>;
        const SoftmaxRow<T> softmax = softmax_row(args.prediction, args.gradient, args.width, at);
        parts[i] =
            args.classes ? class_row(args, start + i, at, softmax) : distribution_row(args, start + i, at, softmax);
        logarithms[i] = softmax.total;
      }
      log(Vec<T>::load(logarithms)).store(logarithms);
      for (int i = 0; i < count; ++i) {
        args.row_loss[start + i] = parts[i].below + parts[i].mass * static_cast<double>(logarithms[i]);
      }
    }
  }

 private:
  // A row's loss is Σ t (max z − z) + Σ t · ln Σ exp(z − max z).
  struct Parts {
    double below;
    double mass;  // Σ t
  };

  template <typename T>
  static Parts class_row(const LossRows<T>& args, int r, ptrdiff_t at, const SoftmaxRow<T>& softmax) {
    using V = Vec<T>;
    const int label = args.classes[r];
    const T smoothing = args.parameters[0];
    const T share = smoothing / static_cast<T>(args.width);
    const V scale = V::set(args.scale[r]);
    for_row<T>(args.width, [&](int p, int c, int valid) {
      T* const g = args.gradient.panel(p) + at + c;
      const V difference = V::load(g) / V::set(softmax.total) - V::set(share);
      first(valid, scale * difference, V::zero()).store(g);
    });
    T& own = args.gradient.panel(label / kPanel<T>)[at + label % kPanel<T>];
    own = own - args.scale[r] * (1 - smoothing);
    const T logit = args.prediction.panel(label / kPanel<T>)[at + label % kPanel<T>];
    double below = static_cast<double>(softmax.maximum) - static_cast<double>(logit);
    if (smoothing > 0) {
      const double all = below_maximum(args, at, softmax, [&](int, int) { return V::set(share); });
      below = static_cast<double>(1 - smoothing) * below + all;
    }
    return {below, 1};
  }

  template <typename T>
  static Parts distribution_row(const LossRows<T>& args, int r, ptrdiff_t at, const SoftmaxRow<T>& softmax) {
    using V = Vec<T>;
    const V kept = V::set(1 - args.parameters[0]);
    const V share = V::set(args.parameters[0] / static_cast<T>(args.width));
    const V scale = V::set(args.scale[r]);
    const auto target = [&](int p, int c) { return fma(kept, V::load(args.target.panel(p) + at + c), share); };
    const T mass = sum_of_columns<T>(args.width, target);
    for_row<T>(args.width, [&](int p, int c, int valid) {
      T* const g = args.gradient.panel(p) + at + c;
      const V difference = V::set(mass) * (V::load(g) / V::set(softmax.total)) - target(p, c);
      first(valid, scale * difference, V::zero()).store(g);
    });
    return {below_maximum(args, at, softmax, target), static_cast<double>(mass)};
  }

  // Σ t (max z − z), from halves: the whole may pass the largest float. A class that is not asked for adds nothing,
  // even where its logit is −∞.
  template <typename T, typename Target>
  static double below_maximum(const LossRows<T>& args, ptrdiff_t at, const SoftmaxRow<T>& softmax, Target target) {
    using V = Vec<T>;
    const V half = V::set(static_cast<T>(0.5));
    const V half_maximum = V::set(softmax.maximum * static_cast<T>(0.5));
    const T sum = sum_of_columns<T>(args.width, [&](int p, int c) {
      const V t = target(p, c);
      const V product = t * (half_maximum - half * V::load(args.prediction.panel(p) + at + c));
      return select(equal(t, V::zero()), V::zero(), product);
    });
    return 2 * static_cast<double>(sum);
  }
};

// 1 − cos(p, t) of a row, 1 where either is 0. Both are divided by their largest magnitude first: no overflow.
struct Cosine {
  static constexpr const char* kName = "cosine";
  static constexpr int kParameters = 0;

  template <typename T>
  static void rows(const LossRows<T>& args, Range rows) {
    for (int r = rows.begin; r < rows.end; ++r) args.row_loss[r] = row(args, r);
  }

 private:
  // ∂/∂p = −(t̂ − cos p̂) / ‖p‖ with p̂ and t̂ of length 1.
  template <typename T>
  static double row(const LossRows<T>& args, int r) {
    using V = Vec<T>;
    const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
    const T prediction_scale = largest_magnitude(args.prediction, args.width, at);
    const T target_scale = largest_magnitude(args.target, args.width, at);
    const bool defined = prediction_scale != 0 && target_scale != 0;
    const V prediction_unit = V::set(defined ? prediction_scale : 1);
    const V target_unit = V::set(defined ? target_scale : 1);
    const auto prediction = [&](int p, int c) { return V::load(args.prediction.panel(p) + at + c) / prediction_unit; };
    const auto target = [&](int p, int c) { return V::load(args.target.panel(p) + at + c) / target_unit; };
    const auto root = [&](T square) { return sqrt(V::set(square)); };
    const V prediction_norm =
        root(sum_of_columns<T>(args.width, [&](int p, int c) { return prediction(p, c) * prediction(p, c); }));
    const V target_norm =
        root(sum_of_columns<T>(args.width, [&](int p, int c) { return target(p, c) * target(p, c); }));
    const T cosine = sum_of_columns<T>(args.width, [&](int p, int c) {
      return defined ? (prediction(p, c) / prediction_norm) * (target(p, c) / target_norm) : V::zero();
    });
    const V factor = -(V::set(args.scale[r]) / prediction_norm / prediction_unit);
    for_row<T>(args.width, [&](int p, int c, int valid) {
      const V difference = target(p, c) / target_norm - V::set(cosine) * (prediction(p, c) / prediction_norm);
      const V gradient = defined ? factor * difference : V::zero();
      first(valid, gradient, V::zero()).store(args.gradient.panel(p) + at + c);
    });
    return 1 - static_cast<double>(cosine);
  }

  template <typename T>
  static T largest_magnitude(Panels<const T> values, int width, ptrdiff_t at) {
    using V = Vec<T>;
    V largest = V::zero();
    for_row<T>(width, [&](int p, int c, int valid) {
      largest = max(largest, first(valid, abs(V::load(values.panel(p) + at + c)), V::zero()));
    });
    return largest_lane(largest);
  }
};

// Of a single output as many rows as lanes go together. Each loss is what a sum of it alone would be, never −0.
template <typename T, typename Loss>
void single_outputs(const LossRows<T>& args, Range rows, const Vec<T>* parameters) {
  using V = Vec<T>;
  for (int start = rows.begin; start < rows.end; start += V::kLanes) {
    const int count = min_of(V::kLanes, rows.end - start);
    const ptrdiff_t at = static_cast<ptrdiff_t>(start) * kPanel<T>;
    V prediction = V::zero(), target = V::zero(), gradient;
    for (int i = 0; i < count; ++i) {
      prediction = first(i, prediction, V::set(args.prediction.data[at + i * kPanel<T>]));
      target = first(i, target, V::set(args.target.data[at + i * kPanel<T>]));
    }
    alignas(64) T values[V::kLanes], gradients[V::kLanes];
    (Loss::evaluate(prediction, target, parameters, gradient) + V::zero()).store(values);
    (load_first(count, args.scale + start) * gradient).store(gradients);
    for (int i = 0; i < count; ++i) {
      first(1, V::set(gradients[i]), V::zero()).store(args.gradient.data + at + i * kPanel<T>);
      args.row_loss[start + i] = static_cast<double>(values[i]);
    }
  }
}

template <typename T, typename Loss>
void elementwise_rows(const LossRows<T>& args, Range rows) {
  using V = Vec<T>;
  V parameters[kMaxParameters];
  for (int i = 0; i < Loss::kParameters; ++i) parameters[i] = V::set(args.parameters[i]);
  if (args.width == 1) return single_outputs<T, Loss>(args, rows, parameters);
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
constexpr LossKernel<T> elementwise_loss = {Loss::kName, Loss::kParameters, elementwise_rows<T, Loss>};
template <typename T, typename Loss>
constexpr LossKernel<T> rowwise_loss = {Loss::kName, Loss::kParameters, Loss::template rows<T>};

template <typename T>
constexpr LossKernel<T> kLosses[] = {
    elementwise_loss<T, SquaredError>,
    elementwise_loss<T, AbsoluteError>,
    elementwise_loss<T, Huber>,
    elementwise_loss<T, LogCosh>,
    elementwise_loss<T, BinaryCrossEntropy>,
    elementwise_loss<T, SigmoidCrossEntropy>,
    rowwise_loss<T, SoftmaxCrossEntropy>,
    elementwise_loss<T, Hinge>,
    elementwise_loss<T, SquaredHinge>,
    elementwise_loss<T, Logistic>,
    elementwise_loss<T, Perceptron>,
    elementwise_loss<T, Poisson>,
    elementwise_loss<T, KlDivergence>,
    rowwise_loss<T, Cosine>,
};
