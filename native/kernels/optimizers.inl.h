// One struct per update rule: the scalars of one update, then what happens to each weight, with PyTorch's formulas. The
// list at the bottom is the registry. To add one: a struct here, its name in the list, and an entry in
// src/optimizers/.

// a / b for b > 0, to 3 ulp in float32. A vector divider is slow, and √ keeps it busy already: a step of third order
// from an estimate and one of second, which leaves less than rounding does, run beside it.
inline Float quotient(Float a, Float b) {
  const Float one = Float::set(1);
  b = min(Float::set(0x1p126f), b);
  const Float estimate = reciprocal_estimate(b);
  const Float error = negative_fma(b, estimate, one);
  const Float reciprocal = fma(fma(error, error, error), estimate, estimate);
  return a * fma(negative_fma(b, reciprocal, one), reciprocal, reciprocal);
}
inline Double quotient(Double a, Double b) { return a / b; }

struct Sgd {
  static constexpr const char* kName = "sgd";
  static constexpr int kParameters = 1;  // weightDecay
  static constexpr int kSlots = 0;

  template <typename T>
  static void prepare(const double* parameters, int64_t, double learning_rate, double*, T* constants) {
    constants[0] = static_cast<T>(parameters[0]);
    constants[1] = static_cast<T>(learning_rate);
  }
  template <typename V>
  static V update(V w, V g, V*, const V* constants) {
    return negative_fma(constants[1], fma(constants[0], w, g), w);
  }
};

// v = momentum v + (1 − dampening) g, v = g at first; w −= η v, or η (g + momentum v) after Nesterov.
struct Momentum {
  static constexpr const char* kName = "momentum";
  static constexpr int kParameters = 4;  // momentum, dampening, nesterov (0 or 1), weightDecay
  static constexpr int kSlots = 1;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double*, T* constants) {
    const double momentum = parameters[0];
    const bool nesterov = parameters[2] != 0;
    constants[0] = static_cast<T>(parameters[3]);
    constants[1] = static_cast<T>(momentum);
    constants[2] = static_cast<T>(step == 0 ? 1 : 1 - parameters[1]);
    constants[3] = static_cast<T>(nesterov ? learning_rate : 0);
    constants[4] = static_cast<T>(nesterov ? learning_rate * momentum : learning_rate);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    g = fma(constants[0], w, g);
    slots[0] = fma(constants[1], slots[0], constants[2] * g);
    return negative_fma(constants[4], slots[0], negative_fma(constants[3], g, w));
  }
};

// Kingma and Ba, 2014, with the bias correction in the scalars.
struct Adam {
  static constexpr const char* kName = "adam";
  static constexpr int kParameters = 4;  // beta1, beta2, epsilon, weightDecay
  static constexpr int kSlots = 2;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double*, T* constants) {
    const double t = static_cast<double>(step + 1);
    constants[0] = static_cast<T>(parameters[3]);
    constants[1] = static_cast<T>(1 - parameters[0]);
    constants[2] = static_cast<T>(parameters[1]);
    constants[3] = static_cast<T>(1 - parameters[1]);
    constants[4] = static_cast<T>(1 / ::sqrt(1 - ::pow(parameters[1], t)));
    constants[5] = static_cast<T>(parameters[2]);
    constants[6] = static_cast<T>(learning_rate / (1 - ::pow(parameters[0], t)));
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    move_moments(fma(constants[0], w, g), slots, constants);
    const V divisor = fma(sqrt(slots[1]), constants[4], constants[5]);
    return negative_fma(constants[6], quotient(slots[0], divisor), w);
  }

  // m = beta1 m + (1 − beta1) g and v = beta2 v + (1 − beta2) g², with constants[1] … constants[3].
  template <typename V>
  static void move_moments(V g, V* slots, const V* constants) {
    slots[0] = fma(constants[1], g - slots[0], slots[0]);
    slots[1] = fma(constants[3] * g, g, constants[2] * slots[1]);
  }
};

// Loshchilov and Hutter, 2017: the decay acts on the weight, not through the gradient.
struct AdamW {
  static constexpr const char* kName = "adamW";
  static constexpr int kParameters = Adam::kParameters;
  static constexpr int kSlots = 2;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double* state, T* constants) {
    Adam::prepare(parameters, step, learning_rate, state, constants);
    constants[0] = 0;
    constants[7] = static_cast<T>(1 - learning_rate * parameters[3]);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    return Adam::update(constants[7] * w, g, slots, constants);
  }
};

// Reddi, Kale and Kumar, 2018: slots[2] is the largest v so far.
struct Amsgrad {
  static constexpr const char* kName = "amsgrad";
  static constexpr int kParameters = Adam::kParameters;
  static constexpr int kSlots = 3;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double* state, T* constants) {
    Adam::prepare(parameters, step, learning_rate, state, constants);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    Adam::move_moments(fma(constants[0], w, g), slots, constants);
    slots[2] = max(slots[2], slots[1]);
    const V divisor = fma(sqrt(slots[2]), constants[4], constants[5]);
    return negative_fma(constants[6], quotient(slots[0], divisor), w);
  }
};

// Dozat, 2016: the momentum μ grows as beta1 (1 − 0.96^(t momentumDecay) / 2). state[0] is the product of all μ so far.
struct Nadam {
  static constexpr const char* kName = "nadam";
  static constexpr int kParameters = 5;  // beta1, beta2, epsilon, weightDecay, momentumDecay
  static constexpr int kSlots = 2;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double* state, T* constants) {
    Adam::prepare(parameters, step, learning_rate, state, constants);
    const double t = static_cast<double>(step + 1);
    const double momentum = parameters[0] * (1 - 0.5 * ::pow(0.96, t * parameters[4]));
    const double next = parameters[0] * (1 - 0.5 * ::pow(0.96, (t + 1) * parameters[4]));
    state[0] = step == 0 ? momentum : state[0] * momentum;
    constants[6] = static_cast<T>(learning_rate * next / (1 - state[0] * next));
    constants[7] = static_cast<T>(learning_rate * (1 - momentum) / (1 - state[0]));
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    g = fma(constants[0], w, g);
    Adam::move_moments(g, slots, constants);
    const V divisor = fma(sqrt(slots[1]), constants[4], constants[5]);
    return w - quotient(fma(constants[7], g, constants[6] * slots[0]), divisor);
  }
};

// Liu et al., 2019: no division while the variance of 1 / √v is intractable, and its rectification after that.
struct Radam {
  static constexpr const char* kName = "radam";
  static constexpr int kParameters = Adam::kParameters;
  static constexpr int kSlots = 2;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double* state, T* constants) {
    Adam::prepare(parameters, step, learning_rate, state, constants);
    const double t = static_cast<double>(step + 1);
    const double power = ::pow(parameters[1], t);
    const double limit = 2 / (1 - parameters[1]) - 1;
    const double length = limit - 2 * t * power / (1 - power);
    const bool rectified = length > 5;
    const double step_size = learning_rate / (1 - ::pow(parameters[0], t));
    const double rectification =
        ::sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length) * (1 - power));
    constants[4] = rectified ? 1 : 0;
    constants[6] = static_cast<T>(rectified ? step_size * rectification : step_size);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    Adam::move_moments(fma(constants[0], w, g), slots, constants);
    const V one = V::set(1);
    const V divisor = select(equal(constants[4], one), sqrt(slots[1]) + constants[5], one);
    return negative_fma(constants[6], quotient(slots[0], divisor), w);
  }
};

// Tieleman and Hinton, 2012. Slots: mean of g², momentum buffer, mean of g (0 unless centered, as in Graves, 2013).
struct Rmsprop {
  static constexpr const char* kName = "rmsprop";
  static constexpr int kParameters = 5;  // rho, epsilon, momentum, centered (0 or 1), weightDecay
  static constexpr int kSlots = 3;

  template <typename T>
  static void prepare(const double* parameters, int64_t, double learning_rate, double*, T* constants) {
    constants[0] = static_cast<T>(parameters[4]);
    constants[1] = static_cast<T>(parameters[0]);
    constants[2] = static_cast<T>(1 - parameters[0]);
    constants[3] = static_cast<T>(parameters[3] != 0 ? 1 - parameters[0] : 0);
    constants[4] = static_cast<T>(parameters[1]);
    constants[5] = static_cast<T>(parameters[2]);
    constants[6] = static_cast<T>(learning_rate);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    g = fma(constants[0], w, g);
    slots[0] = fma(constants[2] * g, g, constants[1] * slots[0]);
    slots[2] = fma(constants[3], g - slots[2], slots[2]);
    const V variance = max(V::zero(), slots[0] - slots[2] * slots[2]);  // rounding may leave it below 0
    slots[1] = fma(constants[5], slots[1], quotient(g, sqrt(variance) + constants[4]));
    return negative_fma(constants[6], slots[1], w);
  }
};

// Duchi, Hazan and Singer, 2011.
struct Adagrad {
  static constexpr const char* kName = "adagrad";
  static constexpr int kParameters = 4;  // epsilon, weightDecay, learningRateDecay, initialAccumulator
  static constexpr int kSlots = 1;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double*, T* constants) {
    constants[0] = static_cast<T>(parameters[1]);
    constants[1] = static_cast<T>(step == 0 ? parameters[3] : 0);
    constants[2] = static_cast<T>(parameters[0]);
    constants[3] = static_cast<T>(learning_rate / (1 + static_cast<double>(step) * parameters[2]));
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    g = fma(constants[0], w, g);
    slots[0] = fma(g, g, slots[0] + constants[1]);
    return negative_fma(constants[3], quotient(g, sqrt(slots[0]) + constants[2]), w);
  }
};

// Zeiler, 2012. Slots: mean of g², mean of the squared steps.
struct Adadelta {
  static constexpr const char* kName = "adadelta";
  static constexpr int kParameters = 3;  // rho, epsilon, weightDecay
  static constexpr int kSlots = 2;

  template <typename T>
  static void prepare(const double* parameters, int64_t, double learning_rate, double*, T* constants) {
    constants[0] = static_cast<T>(parameters[2]);
    constants[1] = static_cast<T>(parameters[0]);
    constants[2] = static_cast<T>(1 - parameters[0]);
    constants[3] = static_cast<T>(parameters[1]);
    constants[4] = static_cast<T>(learning_rate);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    g = fma(constants[0], w, g);
    slots[0] = fma(constants[2] * g, g, constants[1] * slots[0]);
    const V step = quotient(sqrt(slots[1] + constants[3]), sqrt(slots[0] + constants[3])) * g;
    slots[1] = fma(constants[2] * step, step, constants[1] * slots[1]);
    return negative_fma(constants[4], step, w);
  }
};

// Kingma and Ba, 2014, section 7.1: the largest |g|, decaying, in place of √v.
struct Adamax {
  static constexpr const char* kName = "adamax";
  static constexpr int kParameters = Adam::kParameters;
  static constexpr int kSlots = 2;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double* state, T* constants) {
    Adam::prepare(parameters, step, learning_rate, state, constants);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    g = fma(constants[0], w, g);
    slots[0] = fma(constants[1], g - slots[0], slots[0]);
    slots[1] = max(constants[2] * slots[1], abs(g) + constants[5]);
    return negative_fma(constants[6], slots[0] / slots[1], w);
  }
};

// Chen et al., 2023.
struct Lion {
  static constexpr const char* kName = "lion";
  static constexpr int kParameters = 3;  // beta1, beta2, weightDecay
  static constexpr int kSlots = 1;

  template <typename T>
  static void prepare(const double* parameters, int64_t, double learning_rate, double*, T* constants) {
    constants[0] = static_cast<T>(parameters[2]);
    constants[1] = static_cast<T>(parameters[0]);
    constants[2] = static_cast<T>(1 - parameters[0]);
    constants[3] = static_cast<T>(parameters[1]);
    constants[4] = static_cast<T>(1 - parameters[1]);
    constants[5] = static_cast<T>(learning_rate);
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    const V direction = sign(constants[1] * slots[0] + constants[2] * g);
    slots[0] = constants[3] * slots[0] + constants[4] * g;
    return negative_fma(constants[5], fma(constants[0], w, direction), w);
  }
};

// Riedmiller and Braun, 1993. Slots: the last gradient (0 after its sign changed), the step size.
struct Rprop {
  static constexpr const char* kName = "rprop";
  static constexpr int kParameters = 4;  // etaMinus, etaPlus, minimumStep, maximumStep
  static constexpr int kSlots = 2;

  template <typename T>
  static void prepare(const double* parameters, int64_t step, double learning_rate, double*, T* constants) {
    for (int i = 0; i < kParameters; ++i) constants[i] = static_cast<T>(parameters[i]);
    constants[4] = static_cast<T>(step == 0 ? learning_rate : 0);  // the first step size
  }
  template <typename V>
  static V update(V w, V g, V* slots, const V* constants) {
    const V zero = V::zero();
    const V agreement = slots[0] * g;
    const typename V::Mask turned = less(agreement, zero);
    const V growth = select(turned, constants[0], select(less(zero, agreement), constants[1], V::set(1)));
    const V size = (slots[1] + constants[4]) * growth;
    slots[0] = select(turned, zero, g);
    slots[1] = min(constants[3], max(constants[2], size));
    return negative_fma(sign(slots[0]), slots[1], w);
  }
};

// One vector of weights, at position i, and of their slots.
template <typename Optimizer, typename T>
inline void update_vector(T* weights, Vec<T> gradient, T* const* slots, ptrdiff_t i, const Vec<T>* scalars) {
  using V = Vec<T>;
  V state[kMaxSlots];
  for (int s = 0; s < Optimizer::kSlots; ++s) state[s] = V::load(slots[s] + i);
  Optimizer::update(V::load(weights + i), gradient, state, scalars).store(weights + i);
  for (int s = 0; s < Optimizer::kSlots; ++s) state[s].store(slots[s] + i);
}

template <typename T, typename Optimizer>
void optimizer_update(T* weights, const T* gradient, T* const* slots, ptrdiff_t rows, int columns, const T* constants) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  V scalars[kMaxConstants];
  for (int i = 0; i < kMaxConstants; ++i) scalars[i] = V::set(constants[i]);
  const int width = 2 * columns > kP ? kP : columns;
  for (ptrdiff_t row = 0; row < rows * kP; row += kP) {
    for (ptrdiff_t i = row; i < row + width; i += V::kLanes) {
      update_vector<Optimizer>(weights, V::load(gradient + i), slots, i, scalars);
    }
  }
}

// Of kInputs inputs and kVectors vectors of units: the gradient is made in registers and goes no farther. Loops unroll
// fully, as in multiply_tile().
template <typename Optimizer, int kInputs, int kVectors, typename T>
inline void update_tile(T* weights, const T* input, const T* delta, T* const* slots, int rows, ptrdiff_t position,
                        const Vec<T>* scalars) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  V gradient[kInputs][kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kInputs; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) gradient[i][v] = V::zero();  // as every chain begins, for the sign of a zero
  }
  for (int r = 0; r < rows; ++r, input += kP, delta += kP) {
    V row[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) row[v] = V::load(delta + v * V::kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < kInputs; ++i) {
      const V x = V::set(input[i]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) gradient[i][v] = fma(x, row[v], gradient[i][v]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kInputs; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      update_vector<Optimizer>(weights, gradient[i][v], slots, position + i * kP + v * V::kLanes, scalars);
    }
  }
}

// Inputs from `first` on, kInputs together, and half as many of those left.
template <typename Optimizer, int kInputs, typename T>
inline void update_tiles(T* weights, const T* input, const T* delta, T* const* slots, int rows, int first, int inputs,
                         int units, const Vec<T>* scalars) {
  constexpr int kLanes = Vec<T>::kLanes;
  // With a row or two what takes the time are the weights, which come in faster a line of each input at a time.
  const bool lines = rows <= 2 && sizeof(Vec<T>) == kLine;
  for (; first + kInputs <= inputs; first += kInputs) {
    const ptrdiff_t position = first * kPanel<T>;
    int c = 0;
    for (; !lines && c + kLanes < units; c += 2 * kLanes) {
      update_tile<Optimizer, kInputs, 2>(weights, input + first, delta + c, slots, rows, position + c, scalars);
    }
    for (; c < units; c += kLanes) {
      update_tile<Optimizer, kInputs, 1>(weights, input + first, delta + c, slots, rows, position + c, scalars);
    }
  }
  if constexpr (kInputs > 1) {
    update_tiles<Optimizer, kInputs / 2>(weights, input, delta, slots, rows, first, inputs, units, scalars);
  }
}

template <typename T, typename Optimizer>
void optimizer_update_by_rows(T* weights, const T* input, const T* delta, T* const* slots, int rows, int inputs,
                              int units, const T* constants) {
  Vec<T> scalars[kMaxConstants];
  for (int i = 0; i < kMaxConstants; ++i) scalars[i] = Vec<T>::set(constants[i]);
  // Eight chains hide the latency of a multiply-add, and more gain nothing. A single row has no chains, and shorter
  // vectors come with fewer registers.
  if (rows == 1 && sizeof(Vec<T>) < kLine) {
    update_tiles<Optimizer, 1>(weights, input, delta, slots, rows, 0, inputs, units, scalars);
  } else {
    update_tiles<Optimizer, 4>(weights, input, delta, slots, rows, 0, inputs, units, scalars);
  }
}

template <typename T, typename Optimizer>
constexpr OptimizerKernel<T> optimizer = {
    Optimizer::kName,
    Optimizer::kParameters,
    Optimizer::kSlots,
    Optimizer::template prepare<T>,
    optimizer_update<T, Optimizer>,
    optimizer_update_by_rows<T, Optimizer>,
};

template <typename T>
constexpr OptimizerKernel<T> kOptimizers[] = {
    optimizer<T, Sgd>,    optimizer<T, Momentum>, optimizer<T, Adam>,    optimizer<T, AdamW>,   optimizer<T, Amsgrad>,
    optimizer<T, Nadam>,  optimizer<T, Radam>,    optimizer<T, Rmsprop>, optimizer<T, Adagrad>, optimizer<T, Adadelta>,
    optimizer<T, Adamax>, optimizer<T, Lion>,     optimizer<T, Rprop>,
};
