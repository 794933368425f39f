// Everything of one instruction set, put into its table.

template <typename T>
void dropout_mask(const DropoutMask& mask, Panels<T> factors, int columns, Range rows) {
  const DropoutFactors<T> dropout = dropout_factors<T>(mask.rate);
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int p = 0; p < panels_of<T>(columns); ++p) {
      dropout_row(factors.panel(p) + static_cast<ptrdiff_t>(r) * kPanel<T>, p * kPanel<T>, kPanel<T>, dropout,
                  mask.first_row + static_cast<uint32_t>(r), mask.update, mask.layer, mask.seed);
    }
  }
}

template <typename T>
ptrdiff_t first_not_finite(const T* values, ptrdiff_t count) {
  using V = Vec<T>;
  constexpr int kChains = 8;
  // Far memory brings in so many stretches side by side a third faster than one after the other.
  constexpr ptrdiff_t kStretch = 16384 / static_cast<ptrdiff_t>(sizeof(T));
  constexpr ptrdiff_t kGroup = kChains * kStretch;
  for (ptrdiff_t start = 0; start < count; start += kGroup) {
    const ptrdiff_t end = start + kGroup < count ? start + kGroup : count;
    V bad[kChains];  // 0 · x is NaN for infinities and NaN, and stays so
    for (V& chain : bad) chain = V::zero();
    const auto look = [&](ptrdiff_t i, ptrdiff_t apart) __attribute__((always_inline)) {
      for (int c = 0; c < kChains; ++c) bad[c] = fma(V::load(values + i + c * apart), V::zero(), bad[c]);
    };
    ptrdiff_t i = start;
    if (end - start == kGroup) {
      for (; i < start + kStretch; i += V::kLanes) look(i, kStretch);
      i = end;
    }
    for (; i + kChains * V::kLanes <= end; i += kChains * V::kLanes) look(i, V::kLanes);
    for (; i + V::kLanes <= end; i += V::kLanes) bad[0] = fma(V::load(values + i), V::zero(), bad[0]);
    for (int c = 1; c < kChains; ++c) bad[0] = bad[0] + bad[c];
    T lanes[V::kLanes];
    bad[0].store(lanes);
    T any = 0;
    for (int l = 0; l < V::kLanes; ++l) any += lanes[l];
    for (; i < end; ++i) any += values[i] * 0;
    if (any == 0) continue;
    for (i = start; i < end; ++i) {
      if (!isfinite(values[i])) return i;
    }
  }
  return -1;
}

template <typename T>
double peak(int64_t rounds) {
  using V = Vec<T>;
  constexpr int kChains = 12;  // more than latency × units of any core so far, and they fit 16 registers
  V chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = V::set(static_cast<T>(i));
  const V factor = V::set(static_cast<T>(0.5));
  const V term = V::set(1);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chains[i] = fma(chains[i], factor, term);
  }
  V sum = V::zero();
  for (int i = 0; i < kChains; ++i) sum = sum + chains[i];
  T lanes[V::kLanes];
  sum.store(lanes);
  const double operations = 2.0 * kChains * V::kLanes * static_cast<double>(rounds);
  return lanes[0] > 0 ? operations : 0;  // the chains stay above zero; asking keeps them from being optimised away
}

template <typename T, int count>
constexpr int size_of(const T (&)[count]) {
  return count;
}

template <typename T>
constexpr KernelTable<T> kTable = {
    .activations = kActivations<T>,
    .activation_count = size_of(kActivations<T>),
    .losses = kLosses<T>,
    .loss_count = size_of(kLosses<T>),
    .optimizers = kOptimizers<T>,
    .optimizer_count = size_of(kOptimizers<T>),
    .gather = gather<T>,
    .dense_forward = dense_forward<T>,
    .dense_input_gradient = dense_input_gradient<T>,
    .dense_weight_gradient = dense_weight_gradient<T>,
    .transpose = transpose_panels<T>,
    .multiply = multiply<T>,
    .dropout_mask = dropout_mask<T>,
    .batch_normalization = batch_normalization<T>,
    .batch_normalization_backward = batch_normalization_backward<T>,
    .layer_normalization = layer_normalization<T>,
    .layer_normalization_backward_rows = layer_normalization_backward_rows<T>,
    .layer_normalization_backward_columns = layer_normalization_backward_columns<T>,
    .add_penalty = add_penalty<T>,
    .sum_of_magnitudes = sum_of_magnitudes<T>,
    .sum_of_squares = sum_of_squares<T>,
    .scale = scale_values<T>,
    .clamp = clamp_values<T>,
    .non_negative = non_negative<T>,
    .max_norm = max_norm<T>,
    .gemm = gemm<T>,
    .gemm_workspace = gemm_workspace<T>,
    .first_not_finite = first_not_finite<T>,
    .peak = peak<T>,
};
