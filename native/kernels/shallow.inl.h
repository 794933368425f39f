// Products of few steps, such as the way back through a layer of few units: the way of c into L1 and back takes as long
// as the arithmetic, and what is done once for each tile weighs. So each few rows go along the whole of B in one call,
// and write several lines of c beside each other.

// Whether there are few steps, and a c that stays in L2 and is not added to: else its lines had better be fetched
// before tiles need them. More steps gain where vectors are narrower.
template <typename T>
inline bool is_shallow(const GemmPlan<T>& plan) {
  constexpr int kSteps = kWidePanels<T> ? kShallow / 2 : kShallow;
  constexpr ptrdiff_t kMostOfC = kGroupElements<T>, kMostOfB = kGroupElements<T> / 2;
  const Gemm<T>& product = plan.product;
  return product.k <= kSteps && product.n >= Vec<T>::kLanes && !product.accumulate && !plan.turned &&
         static_cast<ptrdiff_t>(product.m) * product.n <= kMostOfC &&
         static_cast<ptrdiff_t>(product.k) * product.n <= kMostOfB;
}

template <typename T>
void multiply_shallow(const GemmPlan<T>& plan) {
  constexpr int kLanes = Vec<T>::kLanes, kVectors = GemmTileLimits::kMaxVectors, kWidth = kMaxTileColumns<T>;
  const Gemm<T>& product = plan.product;
  const int first = product.n >= kManyColumns ? columns_to_line(product) : 0;
  const T* b = product.b;
  ptrdiff_t b_stride = product.b_row;
  if (plan.copies_b) {
    // An odd number of lines, so that rows fall into different sets of L1; vectors of the panels begin with lines.
    constexpr ptrdiff_t kElements = kLine / static_cast<ptrdiff_t>(sizeof(T));
    b_stride = ((product.n + kElements - 1) / kElements | 1) * kElements;
    T* const copy = product.workspace + (kElements - first) % kElements;
    if (product.b_column == 1) {
      copy_rows(product.b, product.b_row, product.k, product.n, copy, b_stride);
    } else {
      turn(product.b, product.b_column, product.n, product.k, copy, b_stride);
    }
    b = copy;
  }
  const StridedTileFunctions<T>& functions = kStridedTiles<T>[static_cast<int>(plan.orientation)];
  const auto multiply = [&](int column, int vectors, int panels) {
    split_rows(product.m, GemmTileLimits::kMaxRows[vectors - 1], [&](int row, int rows) {
      functions.multiply[vectors - 1][rows - 1]({.a = product.a + row * product.a_row,
                                                 .a_stride = plan.a_stride(),
                                                 .b = b + column,
                                                 .b_stride = b_stride,
                                                 .b_copy = nullptr,
                                                 .c = plan.c(row, column),
                                                 .c_stride = product.ldc,
                                                 .k = product.k,
                                                 .panels = panels,
                                                 .fresh = true,
                                                 .next_c = nullptr,
                                                 .next_a = nullptr});
    });
  };
  // Panels begin with lines of c. Single vectors at either end overlap what is beside them: as nothing is added to c,
  // an element is written twice with the same value.
  const int panels = (product.n - first) / kWidth, left = (product.n - first) % kWidth;
  if (first > 0) multiply(0, (first + kLanes - 1) / kLanes, 1);
  if (panels > 0) multiply(first, kVectors, panels);
  if (left >= kLanes) multiply(product.n - left, left / kLanes, 1);
  if (left % kLanes > 0) multiply(product.n - kLanes, 1, 1);
}
