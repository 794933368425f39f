// Sums along a row. They cross vector lanes, so they have 16 virtual lanes and one fixed tree on every ISA.

template <typename T>
class LaneSums {
 public:
  // `column` is the position within a panel of the vector's first lane.
  void add(int column, Vec<T> values) {
    Vec<T>& lane = lanes_[column % kWidth / Vec<T>::kLanes];
    lane = lane + values;
  }

  T total() const {
    constexpr int kVectors = kWidth / Vec<T>::kLanes;
    Vec<T> sums[kVectors];
    for (int i = 0; i < kVectors; ++i) sums[i] = lanes_[i];
#pragma GCC unroll 4
    for (int count = kVectors / 2; count > 0; count /= 2) {
#pragma GCC unroll 8
      for (int i = 0; i < count; ++i) sums[i] = sums[i] + sums[i + count];
    }
    return sum_of_lanes(sums[0]);
  }

 private:
  static constexpr int kWidth = 16;
  Vec<T> lanes_[kWidth / Vec<T>::kLanes] = {};
};

// Calls visit(panel, column, valid) for each vector of a row of `width`; `valid` lanes of it are inside.
template <typename T, typename Visit>
inline void for_row(int width, Visit visit) {
  for (int p = 0; p < panels_of<T>(width); ++p) {
    const int columns = min_of(kPanel<T>, width - p * kPanel<T>);
    for (int c = 0; c < columns; c += Vec<T>::kLanes) visit(p, c, min_of(Vec<T>::kLanes, columns - c));
  }
}

// Σ over a row of width `width` of the vectors term(panel, column).
template <typename T, typename Term>
inline T sum_of_columns(int width, Term term) {
  LaneSums<T> sum;
  for_row<T>(width, [&](int p, int c, int valid) { sum.add(c, first(valid, term(p, c), Vec<T>::zero())); });
  return sum.total();
}

template <typename T>
inline T largest_lane(Vec<T> x) {
  T lanes[Vec<T>::kLanes];
  x.store(lanes);
  for (int width = Vec<T>::kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i + width] > lanes[i] ? lanes[i + width] : lanes[i];
  }
  return lanes[0];
}

template <typename T>
inline T row_maximum(Panels<const T> z, int width, ptrdiff_t at) {
  using V = Vec<T>;
  V highest = V::set(-static_cast<T>(INFINITY));
  for_row<T>(width, [&](int p, int c, int valid) {
    highest = max(highest, first(valid, V::load(z.panel(p) + at + c), highest));
  });
  return largest_lane(highest);
}

template <typename T>
struct SoftmaxRow {
  T maximum;
  T total;  // Σ exp(z − maximum) ≥ 1
};

// Writes exp(z − max z) for one row, padding zero; `at` is the row's offset in each panel. A NaN makes the whole row
// NaN.
template <typename T>
inline SoftmaxRow<T> softmax_row(Panels<const T> z, Panels<T> exponentials, int width, ptrdiff_t at) {
  using V = Vec<T>;
  const T maximum = row_maximum(z, width, at);
  LaneSums<T> total;
  for_row<T>(width, [&](int p, int c, int valid) {
    const V e = first(valid, exp(V::load(z.panel(p) + at + c) - V::set(maximum)), V::zero());
    e.store(exponentials.panel(p) + at + c);
    total.add(c, e);
  });
  return {maximum, total.total()};
}

template <typename T>
inline double natural_logarithm(T x) {
  T lanes[Vec<T>::kLanes];
  log(Vec<T>::set(x)).store(lanes);
  return static_cast<double>(lanes[0]);
}
