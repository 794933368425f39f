// General products (Goto and van de Geijn, 2008). Operands are read where they lie as long as that costs nothing; those
// that lie across, or whose rows are pages apart, are copied block by block first.

// A block of A, at most 512 × 512 float32, takes half of a 2 MiB L2; the depth is large because c goes to memory and
// back once for each block.
constexpr int kGemmDepth = 512;
constexpr int kGemmRows = 512;
// A group of panels of B, which a group of rows of A goes through before the next: copied together in longer runs, and
// c is written in longer ones. 4 panels of full depth are 256 KiB.
template <typename T>
constexpr int kGroupElements = 4 * 512 * kTileColumns<T>;

// Bytes between rows from which on each touches a page of its own, and a tile's rows share few sets of L1.
constexpr ptrdiff_t kPage = 4096;
constexpr ptrdiff_t kFirstLevelPages = 64;  // that a core translates at once
constexpr ptrdiff_t kLine = 64;
// From here on the rows of a panel fall into so few sets of L1 that it does not stay there.
constexpr ptrdiff_t kFewSets = kPage / 2;

// Elements between rows of a copied block of A: an odd number of cache lines, so that rows spread over all sets.
template <typename T>
constexpr ptrdiff_t copied_stride(int depth) {
  constexpr int kElements = kLine / static_cast<int>(sizeof(T));
  return ((depth + kElements - 1) / kElements | 1) * kElements;
}

// Of copies of B: a group, which may be a single panel.
template <typename T>
constexpr int right_elements(int depth) {
  return kGroupElements<T> + 2 * depth * kTileColumns<T>;
}

template <typename T>
ptrdiff_t gemm_workspace(int m, int n, int k) {
  const int depth = min_of(k, kGemmDepth);
  return right_elements<T>(depth) + min_of(m < n ? n : m, kGemmRows) * copied_stride<T>(depth);
}

// The largest block when `size` is cut into blocks of nearly equal size, `largest` at most.
constexpr int block_of(int size, int largest) {
  const int blocks = (size + largest - 1) / largest;
  return (size + blocks - 1) / blocks;
}

// Rows that go through a group of panels together, and through memory of our own where c is turned or narrower than a
// panel.
template <typename T>
constexpr int kGroupRows = 4 * TileLimits<T>::kMaxRows > kPanel<T> ? 4 * TileLimits<T>::kMaxRows : kPanel<T>;

// How one product is done.
template <typename T>
struct GemmPlan {
  Gemm<T> product;
  bool turned;              // computes (op(A) op(B))ᵀ; c still lies as the caller's
  Orientation orientation;  // of a
  int first_columns;        // of the first panel: the others then start at a cache line of c
  bool copies_a, copies_b;

  ptrdiff_t a_stride() const { return orientation == Orientation::kRows ? product.a_row : product.a_column; }
  T* c(int row, int column) const {
    return product.c + (turned ? column * product.ldc + row : row * product.ldc + column);
  }
  // Of the panel that begins at `column`.
  int width_at(int column) const { return min_of(column == 0 ? first_columns : kTileColumns<T>, product.n - column); }
  // Columns of a group: what fits, if only one panel does not. Turned, c is written along the rows of a panel.
  int group_columns(int depth) const {
    constexpr int kWidth = kTileColumns<T>;
    const int panels = kGroupElements<T> / (depth * kWidth);
    if (panels <= 1 || turned) return kWidth;
    return copies_b || panels * kWidth >= product.n ? panels * kWidth : kWidth;
  }
  int depth() const { return block_of(product.k, kGemmDepth); }
  int rows() const { return block_of(product.m, kGemmRows); }
};

// Vectors lie along the columns of b, so b has to be turned if it lies across. The transposed product swaps the
// operands, and turns c instead.
template <typename T>
bool turning_pays(const Gemm<T>& product) {
  constexpr int kLanes = Vec<T>::kLanes;
  constexpr double kTurn = 10;  // multiply-adds that turning one element costs
  const auto padded = [](int size) { return static_cast<double>((size + kLanes - 1) / kLanes * kLanes); };
  const double m = product.m, n = product.n, k = product.k;
  const double direct = m * k * padded(product.n) + (product.b_column == 1 ? 0 : kTurn * n * k);
  const double passes = product.k > kGemmDepth ? 3 : 1;
  const double turned = n * k * padded(product.m) + (product.a_row == 1 ? 0 : kTurn * m * k) + passes * kTurn * m * n;
  return turned < direct;
}

template <typename T>
GemmPlan<T> plan_gemm(const Gemm<T>& given) {
  constexpr ptrdiff_t kSize = sizeof(T);
  GemmPlan<T> plan = {};
  plan.product = given;
  plan.turned = turning_pays(given);
  Gemm<T>& product = plan.product;
  if (plan.turned) {
    product.m = given.n, product.n = given.m;
    product.a = given.b, product.a_row = given.b_column, product.a_column = given.b_row;
    product.b = given.a, product.b_row = given.a_column, product.b_column = given.a_row;
  }
  plan.orientation = product.a_column == 1 ? Orientation::kRows : Orientation::kColumns;
  // Copying costs a few times as much as reading once, so there must be many panels or tiles that read.
  constexpr int kManyColumns = 256, kManyRows = 64;
  const ptrdiff_t pages = plan.a_stride() * kSize * (plan.orientation == Orientation::kRows ? 1 : plan.depth()) / kPage;
  plan.copies_a = product.n >= kManyColumns && pages >= (plan.orientation == Orientation::kRows ? 1 : kFirstLevelPages);
  const ptrdiff_t past_line = static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(product.c) % kLine) / kSize;
  constexpr int kShallow = 64;  // k up to which the way of c weighs more than one more panel, part of which is padding
  const bool splits = product.n >= kManyColumns && product.k <= kShallow && past_line > 0 &&
                      product.ldc * kSize % kLine == 0 && !plan.turned;
  const int to_line = splits ? static_cast<int>(kLine / kSize - past_line) % kTileColumns<T> : 0;
  plan.first_columns = to_line > 0 ? to_line : kTileColumns<T>;
  plan.copies_b = product.b_column != 1 || (product.m >= kManyRows && product.b_row * kSize >= kFewSets);
  return plan;
}

// A block of op(A) as tiles read it.
template <typename T>
struct LeftBlock {
  const T* data;
  Orientation orientation;
  ptrdiff_t stride;
  int sliver_depth;  // of a copy with Orientation::kColumns, (depth, rows of the tile) for each tile; 0: not such a
                     // copy

  // Of the tile that begins at `row`.
  const T* at(int row) const {
    if (sliver_depth > 0) return data + static_cast<ptrdiff_t>(row) * sliver_depth;
    return data + (orientation == Orientation::kRows ? row * stride : row);
  }
  ptrdiff_t stride_of(int rows) const { return sliver_depth > 0 ? rows : stride; }
};

// A block of op(B): panels of kTileColumns columns.
template <typename T>
struct RightPanel {
  const T* data;
  ptrdiff_t stride;
};

// Calls visit(first, rows) for groups of rows: those that go through a group of panels together. Cut where evenly split
// tiles end, so that there are no more tiles, each of fewer rows, than without groups.
template <typename T, typename Visit>
inline void split_groups(const GemmPlan<T>& plan, int rows, Visit visit) {
  if (plan.turned) {
    for (int first = 0; first < rows; first += kPanel<T>) visit(first, min_of(kPanel<T>, rows - first));
    return;
  }
  constexpr int kTileRows = TileLimits<T>::kMaxRows, kTiles = kGroupRows<T> / kTileRows;
  const int tiles = (rows + kTileRows - 1) / kTileRows, groups = (tiles + kTiles - 1) / kTiles;
  for (int group = 0, first = 0, end; group < groups; ++group, first = end) {
    end = rows * (tiles * (group + 1) / groups) / tiles;
    visit(first, end - first);
  }
}

template <typename T>
inline LeftBlock<T> left_block(const GemmPlan<T>& plan, int row, int rows, int start, int depth, T* copy) {
  const Gemm<T>& product = plan.product;
  const T* const a = product.a + row * product.a_row + start * product.a_column;
  const ptrdiff_t stride = plan.a_stride();
  if (!plan.copies_a) return {a, plan.orientation, stride, 0};
  if (plan.orientation == Orientation::kRows) {
    copy_rows(a, stride, rows, depth, copy, copied_stride<T>(depth));
    return {copy, plan.orientation, copied_stride<T>(depth), 0};
  }
  split_groups(plan, rows, [&](int group, int group_rows) {
    split_rows<T>(group_rows, [&](int first, int height) {
      const int at = group + first;
      copy_rows(a + at, stride, depth, height, copy + static_cast<ptrdiff_t>(at) * depth, height);
    });
  });
  return {copy, plan.orientation, 0, depth};
}

// Columns [column, column + columns) into panels of (depth, kTileColumns) each, padding 0.
template <typename T>
inline void copy_right(const Gemm<T>& product, int start, int depth, int column, int columns, T* copy) {
  constexpr int kWidth = kTileColumns<T>;
  constexpr int kLanes = Vec<T>::kLanes;
  const T* const b = product.b + start * product.b_row + column * product.b_column;
  const ptrdiff_t panel = static_cast<ptrdiff_t>(depth) * kWidth;
  if (product.b_column == 1) {
    for (int p = 0; p < depth; ++p) {
      const T* const from = b + p * product.b_row;
      T* to = copy + p * kWidth;
      for (int c = 0; c < columns; c += kWidth, to += panel) {
        if (columns - c >= kWidth) {
          for (int v = 0; v < kWidth; v += kLanes) Vec<T>::load(from + c + v).store(to + v);
          continue;
        }
        for (int v = 0; v < kWidth; v += kLanes) {
          const int left = columns - c - v;
          load_first(left < 0 ? 0 : min_of(kLanes, left), from + c + v).store(to + v);
        }
      }
    }
    return;
  }
  for (int c = 0; c < columns; c += kWidth, copy += panel) {
    const int width = min_of(kWidth, columns - c);
    if (width < kWidth) {
      for (ptrdiff_t i = 0; i < panel; i += kLanes) Vec<T>::zero().store(copy + i);
    }
    turn(b + c * product.b_column, product.b_column, width, depth, copy, kWidth);
  }
}

// Whether a panel's vectors are all full, so that tiles may read and write it in place.
template <typename T>
inline bool whole(int columns) {
  return columns == kTileColumns<T> || columns == Vec<T>::kLanes;
}

// c += left · right for one group of rows and one panel; `row` is the group's in c, `first_row` in the block.
template <typename T>
inline void multiply_group(const GemmPlan<T>& plan, const LeftBlock<T>& left, const RightPanel<T>& right, int row,
                           int first_row, int rows, int column, int columns, int depth, bool fresh) {
  constexpr int kWidth = kTileColumns<T>;
  const ptrdiff_t ldc = plan.product.ldc;
  const bool narrow = columns <= Vec<T>::kLanes;
  const StridedTileFunction<T>* const tiles = strided_tiles<T>(left.orientation, narrow);
  const bool staged = plan.turned || !whole<T>(columns);
  alignas(64) T staging[kGroupRows<T> * kWidth];
  T* const out = plan.c(row, column);
  if (staged && !fresh) {
    if (plan.turned) {
      turn<T>(out, ldc, columns, rows, staging, kWidth);
    } else {
      copy_rows<T>(out, ldc, rows, columns, staging, kWidth);
    }
  }
  const ptrdiff_t c_stride = staged ? kWidth : ldc;
  T* c = staged ? staging : out;
  split_rows<T>(rows, [&](int first, int height) {
    T* const next_c = first + height < rows ? c + height * c_stride : out + columns;
    tiles[height]({.a = left.at(first_row + first),
                   .a_stride = left.stride_of(height),
                   .b = right.data,
                   .b_stride = right.stride,
                   .c = c,
                   .c_stride = c_stride,
                   .k = depth,
                   .fresh = fresh,
                   .next_c = staged ? nullptr : next_c});
    c += height * c_stride;
  });
  if (!staged) return;
  if (plan.turned) {
    turn<T>(staging, kWidth, rows, columns, out, ldc);
  } else {
    copy_rows<T>(staging, kWidth, rows, columns, out, ldc);
  }
}

// Copies what of the columns [begin, end) cannot be read in place: all of them, each panel where it would be among
// panels, or the first and the last panel.
template <typename T>
inline void copy_group(const GemmPlan<T>& plan, int start, int depth, int begin, int end, T* copy) {
  const ptrdiff_t panel = static_cast<ptrdiff_t>(depth) * kTileColumns<T>;
  const int first = plan.width_at(begin);
  if (plan.copies_b && first == kTileColumns<T>) {
    copy_right(plan.product, start, depth, begin, end - begin, copy);
  } else if (plan.copies_b) {
    copy_right(plan.product, start, depth, begin, first, copy);
    copy_right(plan.product, start, depth, begin + first, end - begin - first, copy + panel);
  } else {
    if (!whole<T>(first)) copy_right(plan.product, start, depth, begin, first, copy);
    const int last = (end - begin - first) % kTileColumns<T>;
    if (last > 0 && !whole<T>(last)) copy_right(plan.product, start, depth, end - last, last, copy + panel);
  }
}

template <typename T>
void gemm(const Gemm<T>& given) {
  constexpr int kWidth = kTileColumns<T>;
  if (given.k == 0) {
    for (int i = 0; i < given.m && !given.accumulate; ++i) {
      for (int j = 0; j < given.n; ++j) given.c[i * given.ldc + j] = 0;
    }
    return;
  }
  if (given.m == 0 || given.n == 0) return;
  const GemmPlan<T> plan = plan_gemm(given);
  const Gemm<T>& product = plan.product;
  T* const right_copy = product.workspace;
  const int block_rows = plan.rows(), block_depth = plan.depth();
  T* const left_copy = right_copy + right_elements<T>(block_depth);
  for (int row = 0; row < product.m; row += block_rows) {
    const int rows = min_of(block_rows, product.m - row);
    for (int start = 0; start < product.k; start += block_depth) {
      const int depth = min_of(block_depth, product.k - start);
      const ptrdiff_t panel = static_cast<ptrdiff_t>(depth) * kWidth;
      const bool fresh = start == 0 && !product.accumulate;
      const LeftBlock<T> left = left_block(plan, row, rows, start, depth, left_copy);
      for (int begin = 0, end; begin < product.n; begin = end) {
        end = min_of(begin + plan.width_at(begin) + plan.group_columns(depth) - kWidth, product.n);
        copy_group(plan, start, depth, begin, end, right_copy);
        split_groups(plan, rows, [&](int first_row, int group_rows) {
          const T* copy = right_copy;
          for (int column = begin, columns; column < end; column += columns) {
            columns = plan.width_at(column);
            RightPanel<T> right = {product.b + start * product.b_row + column, product.b_row};
            if (plan.copies_b) {
              right = {copy, kWidth};
              copy += panel;
            } else if (!whole<T>(columns)) {
              right = {column == begin ? right_copy : right_copy + panel, kWidth};
            }
            multiply_group(plan, left, right, row + first_row, first_row, group_rows, column, columns, depth, fresh);
          }
        });
      }
    }
  }
}
