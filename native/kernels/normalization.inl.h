// Batch and layer normalization (Ioffe and Szegedy, 2015; Ba, Kiros and Hinton, 2016), forward and backward, with
// PyTorch's formulas. Mean and variance by the corrected two-pass algorithm (Chan, Golub and LeVeque, 1983): the sum of
// the differences from the first mean, zero but for rounding, corrects both.

// Σ term(r) over rows, one vector of columns, in stretches so that the error does not grow with the number of rows.
template <typename T, typename Term>
inline Vec<T> sum_of_rows(int rows, Term term) {
  constexpr int kStretch = 64;
  Vec<T> total = Vec<T>::zero();
  for (int start = 0; start < rows; start += kStretch) {
    Vec<T> sum = Vec<T>::zero();
    for (int r = start; r < min_of(rows, start + kStretch); ++r)
      sum = sum + term(static_cast<ptrdiff_t>(r) * kPanel<T>);
    total = total + sum;
  }
  return total;
}

template <typename T>
struct Moments {
  Vec<T> mean, variance;  // biased
};

template <typename T>
inline Moments<T> corrected(Vec<T> mean, Vec<T> differences, Vec<T> squares, Vec<T> count) {
  const Vec<T> correction = differences / count;
  return {mean + correction, max(Vec<T>::zero(), squares / count - correction * correction)};
}

// Of each column of one vector; `x` points to row 0.
template <typename T>
inline Moments<T> column_moments(const T* x, int rows) {
  using V = Vec<T>;
  const V count = V::set(static_cast<T>(rows));
  const V mean = sum_of_rows<T>(rows, [&](ptrdiff_t at) { return V::load(x + at); }) / count;
  const V differences = sum_of_rows<T>(rows, [&](ptrdiff_t at) { return V::load(x + at) - mean; });
  const V squares = sum_of_rows<T>(rows, [&](ptrdiff_t at) {
    const V difference = V::load(x + at) - mean;
    return difference * difference;
  });
  return corrected<T>(mean, differences, squares, count);
}

template <typename T>
inline Vec<T> inverse_root(Vec<T> variance, T epsilon) {
  return Vec<T>::set(1) / sqrt(variance + Vec<T>::set(epsilon));
}

template <typename T>
void batch_normalization(const BatchNormalization<T>& layer, Range panels) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  const V share = V::set(layer.momentum);
  const V unbiased = V::set(layer.rows > 1 ? static_cast<T>(static_cast<double>(layer.rows) / (layer.rows - 1)) : 1);
  for (int i = panels.begin * kP; i < panels.end * kP; i += V::kLanes) {
    const T* const x = layer.input.panel(i / kP) + i % kP;
    T* const y = layer.output.panel(i / kP) + i % kP;
    Moments<T> moments = {V::load(layer.moving_mean + i), V::load(layer.moving_variance + i)};
    if (layer.training) {
      const Moments<T> moving = moments;
      moments = column_moments(x, layer.rows);
      fma(share, moments.mean - moving.mean, moving.mean).store(layer.moving_mean + i);
      fma(share, unbiased * moments.variance - moving.variance, moving.variance).store(layer.moving_variance + i);
    }
    const V inverse = inverse_root(moments.variance, layer.epsilon);
    moments.mean.store(layer.mean + i);
    inverse.store(layer.inverse_deviation + i);
    const V gamma = V::load(layer.gamma + i);
    const V beta = V::load(layer.beta + i);
    for (int r = 0; r < layer.rows; ++r) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kP;
      fma((V::load(x + at) - moments.mean) * inverse, gamma, beta).store(y + at);
    }
  }
}

// With x̂ the normalized input: γ / σ · (g − mean g − x̂ · mean(g x̂)) over the rows, or γ / σ · g for constant moments.
template <typename T>
void batch_normalization_backward(const BatchNormalizationBackward<T>& layer, Range panels) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  for (int i = panels.begin * kP; i < panels.end * kP; i += V::kLanes) {
    const T* const x = layer.input.panel(i / kP) + i % kP;
    const T* const g = layer.gradient.panel(i / kP) + i % kP;
    const V mean = V::load(layer.mean + i);
    const V inverse = V::load(layer.inverse_deviation + i);
    const V sum = sum_of_rows<T>(layer.rows, [&](ptrdiff_t at) { return V::load(g + at); });
    const V products = sum_of_rows<T>(
        layer.rows, [&](ptrdiff_t at) { return V::load(g + at) * ((V::load(x + at) - mean) * inverse); });
    const auto put = [&](T* gradient, V value) {
      if (gradient) (layer.accumulate ? V::load(gradient + i) + value : value).store(gradient + i);
    };
    put(layer.gamma_gradient, products);
    put(layer.beta_gradient, sum);
    if (!layer.input_gradient.data) continue;
    T* const out = layer.input_gradient.panel(i / kP) + i % kP;
    const V share = V::set(layer.training ? 1 / static_cast<T>(layer.rows) : 0);
    const V mean_gradient = share * sum;
    const V mean_product = share * products;
    const V factor = V::load(layer.gamma + i) * inverse;
    const int valid = layer.width - i < 0 ? 0 : min_of(V::kLanes, layer.width - i);
    for (int r = 0; r < layer.rows; ++r) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kP;
      const V normalized = (V::load(x + at) - mean) * inverse;
      const V centred = (V::load(g + at) - mean_gradient) - normalized * mean_product;
      first(valid, factor * centred, V::zero()).store(out + at);
    }
  }
}

template <typename T>
void layer_normalization(const LayerNormalization<T>& layer, Range rows) {
  using V = Vec<T>;
  const V count = V::set(static_cast<T>(layer.width));
  for (int r = rows.begin; r < rows.end; ++r) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
    const auto x = [&](int p, int c) { return V::load(layer.input.panel(p) + at + c); };
    const V mean = V::set(sum_of_columns<T>(layer.width, x)) / count;
    const V differences = V::set(sum_of_columns<T>(layer.width, [&](int p, int c) { return x(p, c) - mean; }));
    const V squares = V::set(sum_of_columns<T>(layer.width, [&](int p, int c) {
      const V difference = x(p, c) - mean;
      return difference * difference;
    }));
    const Moments<T> moments = corrected<T>(mean, differences, squares, count);
    const V inverse = inverse_root(moments.variance, layer.epsilon);
    store_first(1, moments.mean, layer.mean + r);
    store_first(1, inverse, layer.inverse_deviation + r);
    for_row<T>(layer.width, [&](int p, int c, int valid) {
      const V gamma = V::load(layer.gamma + p * kPanel<T> + c);
      const V beta = V::load(layer.beta + p * kPanel<T> + c);
      const V y = fma((x(p, c) - moments.mean) * inverse, gamma, beta);
      first(valid, y, V::zero()).store(layer.output.panel(p) + at + c);
    });
  }
}

// (h − mean h − x̂ · mean(h x̂)) / σ over the columns, with h = γ g.
template <typename T>
void layer_normalization_backward_rows(const LayerNormalizationBackward<T>& layer, Range rows) {
  using V = Vec<T>;
  const V count = V::set(static_cast<T>(layer.width));
  for (int r = rows.begin; r < rows.end; ++r) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kPanel<T>;
    const V mean = V::set(layer.mean[r]);
    const V inverse = V::set(layer.inverse_deviation[r]);
    const auto normalized = [&](int p, int c) { return (V::load(layer.input.panel(p) + at + c) - mean) * inverse; };
    const auto scaled = [&](int p, int c) {
      return V::load(layer.gradient.panel(p) + at + c) * V::load(layer.gamma + p * kPanel<T> + c);
    };
    const V mean_gradient = V::set(sum_of_columns<T>(layer.width, scaled)) / count;
    const V products =
        V::set(sum_of_columns<T>(layer.width, [&](int p, int c) { return scaled(p, c) * normalized(p, c); }));
    const V mean_product = products / count;
    for_row<T>(layer.width, [&](int p, int c, int valid) {
      const V centred = (scaled(p, c) - mean_gradient) - normalized(p, c) * mean_product;
      first(valid, inverse * centred, V::zero()).store(layer.input_gradient.panel(p) + at + c);
    });
  }
}

template <typename T>
void layer_normalization_backward_columns(const LayerNormalizationBackward<T>& layer, Range panels) {
  using V = Vec<T>;
  constexpr int kP = kPanel<T>;
  for (int i = panels.begin * kP; i < panels.end * kP; i += V::kLanes) {
    const int valid = layer.width - i < 0 ? 0 : min_of(V::kLanes, layer.width - i);
    V gamma_gradient = layer.accumulate ? V::load(layer.gamma_gradient + i) : V::zero();
    V beta_gradient = layer.accumulate ? V::load(layer.beta_gradient + i) : V::zero();
    for (int r = 0; r < layer.rows; ++r) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(r) * kP + i % kP;
      const V gradient = V::load(layer.gradient.panel(i / kP) + at);
      const V difference = V::load(layer.input.panel(i / kP) + at) - V::set(layer.mean[r]);
      gamma_gradient = fma(gradient, difference * V::set(layer.inverse_deviation[r]), gamma_gradient);
      beta_gradient = beta_gradient + gradient;
    }
    first(valid, gamma_gradient, V::zero()).store(layer.gamma_gradient + i);
    first(valid, beta_gradient, V::zero()).store(layer.beta_gradient + i);
  }
}
