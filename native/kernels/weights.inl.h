// What regularizers, clipping and constraints do to runs of weights or gradients. Padding that is 0 stays 0.

template <typename T>
void add_penalty(const T* weights, T* gradient, ptrdiff_t count, T l1, T l2) {
  using V = Vec<T>;
  const V magnitude = V::set(l1);
  const V square = V::set(2 * l2);
  for (ptrdiff_t i = 0; i < count; i += V::kLanes) {
    const V w = V::load(weights + i);
    (V::load(gradient + i) + fma(square, w, magnitude * sign(w))).store(gradient + i);
  }
}

// Stretches are summed in 16 lanes of T, their sums in double.
template <typename T, typename Term>
inline double sum_of(const T* values, ptrdiff_t count, Term term) {
  constexpr ptrdiff_t kStretch = 64 * kPanel<T>;
  double total = 0;
  for (ptrdiff_t start = 0; start < count; start += kStretch) {
    const ptrdiff_t end = start + kStretch < count ? start + kStretch : count;
    LaneSums<T> sum;
    for (ptrdiff_t i = start; i < end; i += Vec<T>::kLanes) {
      sum.add(static_cast<int>(i % kPanel<T>), term(Vec<T>::load(values + i)));
    }
    total += static_cast<double>(sum.total());
  }
  return total;
}

template <typename T>
double sum_of_magnitudes(const T* values, ptrdiff_t count) {
  return sum_of(values, count, [](Vec<T> x) { return abs(x); });
}

template <typename T>
double sum_of_squares(const T* values, ptrdiff_t count) {
  return sum_of(values, count, [](Vec<T> x) { return x * x; });
}

template <typename T, typename Change>
inline void change_each(T* values, ptrdiff_t count, Change change) {
  for (ptrdiff_t i = 0; i < count; i += Vec<T>::kLanes) change(Vec<T>::load(values + i)).store(values + i);
}

template <typename T>
void scale_values(T* values, ptrdiff_t count, T factor) {
  change_each(values, count, [&](Vec<T> x) { return x * Vec<T>::set(factor); });
}

template <typename T>
void clamp_values(T* values, ptrdiff_t count, T limit) {
  change_each(values, count, [&](Vec<T> x) { return clamp(x, -limit, limit); });
}

template <typename T>
void non_negative(T* values, ptrdiff_t count) {
  change_each(values, count, [](Vec<T> x) { return max(Vec<T>::zero(), x); });
}

template <typename T>
void max_norm(T* weights_panel, int inputs, T limit) {
  using V = Vec<T>;
  for (int c = 0; c < kPanel<T>; c += V::kLanes) {
    T* const column = weights_panel + c;
    const V squares = sum_of_rows<T>(inputs, [&](ptrdiff_t at) { return V::load(column + at) * V::load(column + at); });
    const V norm = sqrt(squares);
    const V factor = select(less(V::set(limit), norm), V::set(limit) / norm, V::set(1));
    for (int i = 0; i < inputs; ++i) {
      T* const w = column + static_cast<ptrdiff_t>(i) * kPanel<T>;
      (V::load(w) * factor).store(w);
    }
  }
}
