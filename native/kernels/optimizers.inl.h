// One struct per update rule: the scalars of one update, then what happens to each weight, with PyTorch's formulas. The
// list at the bottom is the registry. To add one: a struct here, its name in the list, and an entry in
// src/optimizers.ts.

struct Sgd {
  static constexpr const char* kName = "sgd";
  static constexpr int kParameters = 1;  // weightDecay
  static constexpr int kSlots = 0;

  template <typename T>
  static void prepare(const double* parameters, int64_t, double learning_rate, T* constants) {
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
  static void prepare(const double* parameters, int64_t step, double learning_rate, T* constants) {
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
  static void prepare(const double* parameters, int64_t step, double learning_rate, T* constants) {
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
    g = fma(constants[0], w, g);
    slots[0] = fma(constants[1], g - slots[0], slots[0]);
    slots[1] = fma(constants[3] * g, g, constants[2] * slots[1]);
    const V divisor = fma(sqrt(slots[1]), constants[4], constants[5]);
    return negative_fma(constants[6], slots[0] / divisor, w);
  }
};

template <typename T, typename Optimizer>
void optimizer_update(T* weights, const T* gradient, T* const* slots, ptrdiff_t count, const T* constants) {
  using V = Vec<T>;
  V scalars[kMaxConstants];
  for (int i = 0; i < kMaxConstants; ++i) scalars[i] = V::set(constants[i]);
  for (ptrdiff_t i = 0; i < count; i += V::kLanes) {
    V state[kMaxSlots];
    for (int s = 0; s < Optimizer::kSlots; ++s) state[s] = V::load(slots[s] + i);
    Optimizer::update(V::load(weights + i), V::load(gradient + i), state, scalars).store(weights + i);
    for (int s = 0; s < Optimizer::kSlots; ++s) state[s].store(slots[s] + i);
  }
}

template <typename T, typename Optimizer>
constexpr OptimizerKernel<T> optimizer = {
    Optimizer::kName,
    Optimizer::kParameters,
    Optimizer::kSlots,
    Optimizer::template prepare<T>,
    optimizer_update<T, Optimizer>,
};

template <typename T>
constexpr OptimizerKernel<T> kOptimizers[] = {optimizer<T, Sgd>, optimizer<T, Momentum>, optimizer<T, Adam>};
