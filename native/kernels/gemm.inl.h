// General products (Goto and van de Geijn, 2008). Operands are read where they lie as long as that costs nothing; what
// lies across is copied first, block by block, and B with rows far apart by the first tile that reads it.

// Deep, because c goes to memory and back once for each block; a panel of B comes from L2 for each tile anyhow.
constexpr int kGemmDepth = 512;
// Where c is turned on its way, each pass over it costs more than a deeper panel does.
constexpr int kTurnedDepth = 2048;
constexpr int kGemmRows = 8192, kCopiedRows = 1024;
// Elements of B in a group of panels, half of a 2 MiB L2: the rows of a tile go through all of them, then the next
// rows.
template <typename T>
constexpr int kGroupElements = (1 << 20) / static_cast<int>(sizeof(T));
template <typename T>
constexpr int kMaxTileColumns = GemmTileLimits::kMaxVectors* Vec<T>::kLanes;
// Panels of several cache lines are copied by the first tile that reads them, and stay in L2. Those of one line are
// copied before, along the rows of their group, and each is read by some tiles while it is in L1.
template <typename T>
constexpr bool kWidePanels = kMaxTileColumns<T> * sizeof(T) > kLine;

// Up to this k, what is done once for each tile weighs: the way of c, more than one more panel, part of which is
// padding.
constexpr int kShallow = 64;

constexpr ptrdiff_t kPage = 4096;
constexpr ptrdiff_t kFirstLevelPages = 64;  // that a core translates at once
// Bytes between rows from which on a panel falls into so few sets of L1 that it does not stay there.
constexpr ptrdiff_t kFewSets = 512;

// Of copies of B: a group, which may be a single panel, and what pads its first and its last one.
template <typename T>
constexpr int right_elements(int depth) {
  const int panel = depth * kMaxTileColumns<T>;
  return (kGroupElements<T> > panel ? kGroupElements<T> : panel) + 2 * depth * Vec<T>::kLanes;
}

template <typename T>
ptrdiff_t gemm_workspace(int m, int n, int k) {
  return right_elements<T>(min_of(k, kTurnedDepth)) +
         static_cast<ptrdiff_t>(min_of(m < n ? n : m, kCopiedRows)) * min_of(k, kGemmDepth);
}

// The largest block when `size` is cut into blocks of nearly equal size, `largest` at most.
constexpr int block_of(int size, int largest) {
  if (size <= largest) return size;
  const int blocks = (size + largest - 1) / largest;
  return (size + blocks - 1) / blocks;
}

// Panels of B: in whole vectors, as many as a tile takes or, where that makes them more even, one less.
template <typename T>
struct GemmPanels {
  int first;     // columns of the first one, where the others then start at a cache line of c; 0: as the others
  int wide_end;  // where the wide ones end
  int wide, narrow;
  int columns;  // of all

  GemmPanels(int first, int columns, bool in_place) : first(first), columns(columns) {
    constexpr int kLanes = Vec<T>::kLanes;
    constexpr int kMost = GemmTileLimits::kMaxVectors, kMostInPlace = GemmTileLimits::kInPlaceVectors;
    const int vectors = (columns - first + kLanes - 1) / kLanes;
    const int panels = in_place ? (vectors + kMostInPlace - 1) / kMostInPlace : (vectors + kMost - 1) / kMost;
    const int least = panels > 1 ? vectors / panels : vectors, wides = vectors - panels * least;
    narrow = least * kLanes;
    wide = wides > 0 ? narrow + kLanes : narrow;
    wide_end = first + wides * wide;
  }

  // Of the panel that begins at `column`.
  int width_at(int column) const {
    return min_of(column == 0 && first > 0 ? first : column < wide_end ? wide : narrow, columns - column);
  }
  bool whole() const { return first % Vec<T>::kLanes == 0 && columns % Vec<T>::kLanes == 0; }
  int rows_of_tiles() const { return GemmTileLimits::kMaxRows[(wide > 0 ? wide / Vec<T>::kLanes : 1) - 1]; }
};

// Columns in whole vectors.
template <typename T>
constexpr int padded_columns(int columns) {
  constexpr int kLanes = Vec<T>::kLanes;
  return (columns + kLanes - 1) / kLanes * kLanes;
}

// How one product is done.
template <typename T>
struct GemmPlan {
  Gemm<T> product;
  bool turned;              // computes (op(A) op(B))ᵀ; c still lies as the caller's
  Orientation orientation;  // of a
  bool copies_a, copies_b;
  GemmPanels<T> panels = {0, 0, true};
  int tile_rows;

  ptrdiff_t a_stride() const { return orientation == Orientation::kRows ? product.a_row : product.a_column; }
  T* c(int row, int column) const {
    return product.c + (turned ? column * product.ldc + row : row * product.ldc + column);
  }
  // A panel is read in place if its rows lie near each other and its vectors are full.
  bool copies(int columns) const { return copies_b || columns % Vec<T>::kLanes != 0; }
  // The end of the group of panels that begins at `column`.
  int group_end(int column, int depth) const {
    int end = column + panels.width_at(column);
    if (turned) return end;  // c is written along the rows of a panel
    while (end < product.n && (end + panels.width_at(end) - column) * depth <= kGroupElements<T>) {
      end += panels.width_at(end);
    }
    return end;
  }
  int depth() const { return block_of(product.k, turned && !copies_a ? kTurnedDepth : kGemmDepth); }
  int rows() const { return block_of(product.m, copies_a ? kCopiedRows : kGemmRows); }
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
  const double passes = product.k > kTurnedDepth ? 3 : 1;
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
  constexpr int kManyColumns = 256, kManyRows = 65;
  plan.copies_a = plan.orientation == Orientation::kColumns && product.n >= kManyColumns &&
                  plan.a_stride() * kSize * min_of(product.k, kGemmDepth) >= kFirstLevelPages * kPage;
  const ptrdiff_t past_line = static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(product.c) % kLine) / kSize;
  const bool splits = product.n >= kManyColumns && product.k <= kShallow && past_line > 0 &&
                      product.ldc * kSize % kLine == 0 && !plan.turned;
  plan.copies_b = product.b_column != 1 || (product.m >= kManyRows && product.b_row * kSize >= kFewSets);
  const int to_line = splits ? static_cast<int>(kLine / kSize - past_line) % kMaxTileColumns<T> : 0;
  plan.panels = {to_line, product.n, !plan.copies_b};
  plan.tile_rows = plan.panels.rows_of_tiles();
  return plan;
}

// A block of op(A) as tiles read it.
template <typename T>
struct LeftBlock {
  const T* data;
  ptrdiff_t stride;
  bool copied;  // (depth, rows of the tile) for each tile
  int depth;

  // Of the tile that begins at `row`.
  const T* at(int row, Orientation orientation) const {
    if (copied) return data + static_cast<ptrdiff_t>(row) * depth;
    return data + (orientation == Orientation::kRows ? row * stride : row);
  }
  ptrdiff_t stride_of(int rows) const { return copied ? rows : stride; }
};

constexpr int kGroupTiles = 4;
template <typename T>
constexpr int kGroupRows =
    kGroupTiles* GemmTileLimits::kMaxRows[0] > kPanel<T> ? kGroupTiles* GemmTileLimits::kMaxRows[0] : kPanel<T>;

// Calls visit(first, rows) for groups of rows that go through a group of panels together: those of one tile, those that
// are turned together, or, where panels fit L1, those of some tiles. Cut where evenly split tiles end, so that there
// are no more tiles, each of fewer rows, than without groups.
template <typename T, typename Visit>
inline void split_groups(const GemmPlan<T>& plan, int rows, Visit visit) {
  if (plan.turned) {
    for (int first = 0; first < rows; first += kPanel<T>) visit(first, min_of(kPanel<T>, rows - first));
    return;
  }
  if (plan.copies_b && kWidePanels<T> && plan.product.k > kShallow) return split_rows(rows, plan.tile_rows, visit);
  if (rows <= kGroupTiles * plan.tile_rows) return visit(0, rows);
  const int tiles = (rows + plan.tile_rows - 1) / plan.tile_rows, groups = (tiles + kGroupTiles - 1) / kGroupTiles;
  for (int g = 0, first = 0, end; g < groups; ++g, first = end) {
    end = rows * (tiles * (g + 1) / groups) / tiles;
    visit(first, end - first);
  }
}

template <typename T>
inline LeftBlock<T> left_block(const GemmPlan<T>& plan, int row, int rows, int start, int depth, T* copy) {
  const Gemm<T>& product = plan.product;
  const T* const a = product.a + row * product.a_row + start * product.a_column;
  const ptrdiff_t stride = plan.a_stride();
  if (!plan.copies_a) return {a, stride, false, depth};
  split_groups(plan, rows, [&](int group, int group_rows) {
    split_rows(group_rows, plan.tile_rows, [&](int first, int height) {
      const int at = group + first;
      copy_rows(a + at, stride, depth, height, copy + static_cast<ptrdiff_t>(at) * depth, height);
    });
  });
  return {copy, 0, true, depth};
}

// (depth, columns) of B as (depth, padded_columns), padding 0.
template <typename T>
inline void copy_panel(const Gemm<T>& product, int start, int depth, int column, int columns, T* copy) {
  constexpr int kLanes = Vec<T>::kLanes;
  const int width = padded_columns<T>(columns);
  const T* b = product.b + start * product.b_row + column * product.b_column;
  if (product.b_column != 1) {
    if (columns < width) {
      for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(depth) * width; i += kLanes) Vec<T>::zero().store(copy + i);
    }
    turn(b, product.b_column, columns, depth, copy, width);
    return;
  }
  const int whole = columns / kLanes * kLanes;
  for (int p = 0; p < depth; ++p, b += product.b_row, copy += width) {
    for (int c = 0; c < whole; c += kLanes) Vec<T>::load(b + c).store(copy + c);
    if (whole < columns) load_first(columns - whole, b + whole).store(copy + whole);
  }
}

// Panels of the columns [begin, end) that tiles cannot read in place, one after the other.
template <typename T>
inline void copy_panels(const GemmPlan<T>& plan, int start, int depth, int begin, int end, T* copy) {
  if (!plan.copies_b && plan.panels.whole()) return;
  constexpr int kRun = 16;  // rows that are read along together
  const int step = plan.product.b_column == 1 ? kRun : depth;
  for (int p = 0; p < depth; p += step) {
    T* panel = copy;
    for (int column = begin, columns; column < end; column += columns) {
      columns = plan.panels.width_at(column);
      if (!plan.copies(columns)) continue;
      const ptrdiff_t width = padded_columns<T>(columns);
      copy_panel(plan.product, start + p, min_of(step, depth - p), column, columns, panel + p * width);
      panel += depth * width;
    }
  }
}

// One group of rows and one panel.
template <typename T>
struct GemmPart {
  int row, first_row;  // in c, in the block of A
  int rows;
  int column, columns;
  const T* right;
  ptrdiff_t right_stride;
  T* right_copy;  // where the first tile copies the panel to, and the others read it; null: it stays
  bool fresh;
  const T* next_c;  // of the next part
};

// c += left · right
template <typename T>
inline void multiply_part(const GemmPlan<T>& plan, const LeftBlock<T>& left, const GemmPart<T>& part) {
  const ptrdiff_t ldc = plan.product.ldc;
  const int width = padded_columns<T>(part.columns), vectors = width / Vec<T>::kLanes;
  const StridedTileFunctions<T>& functions = kStridedTiles<T>[static_cast<int>(plan.orientation)];
  const bool staged = plan.turned || part.columns < width;
  alignas(64) T staging[kGroupRows<T> * kMaxTileColumns<T>];
  T* const out = plan.c(part.row, part.column);
  if (staged && !part.fresh) {
    if (plan.turned) {
      turn<T>(out, ldc, part.columns, part.rows, staging, width);
    } else {
      copy_rows<T>(out, ldc, part.rows, part.columns, staging, width);
    }
  }
  const ptrdiff_t c_stride = staged ? width : ldc;
  T* c = staged ? staging : out;
  split_rows(part.rows, plan.tile_rows, [&](int first, int height) {
    const bool copies = part.right_copy && first == 0, copied = part.right_copy && first > 0;
    const T* const next_c = first + height < part.rows ? c + height * c_stride : part.next_c;
    const auto multiply =
        copies ? functions.multiply_and_copy[vectors - 1] : functions.multiply[vectors - 1][height - 1];
    multiply({.a = left.at(part.first_row + first, plan.orientation),
              .a_stride = left.stride_of(height),
              .b = copied ? part.right_copy : part.right,
              .b_stride = copied ? width : part.right_stride,
              .b_copy = part.right_copy,
              .c = c,
              .c_stride = c_stride,
              .k = left.depth,
              .fresh = part.fresh,
              .next_c = staged ? nullptr : next_c});
    c += height * c_stride;
  });
  if (!staged) return;
  if (plan.turned) {
    turn<T>(staging, width, part.rows, part.columns, out, ldc);
  } else {
    copy_rows<T>(staging, width, part.rows, part.columns, out, ldc);
  }
}

// Says where the part's panel of B is, for rows [start, start + depth): if it has to be copied, at `copy`.
template <typename T>
inline void place_right(const GemmPlan<T>& plan, int start, int depth, T* copy, GemmPart<T>& part) {
  const Gemm<T>& product = plan.product;
  part.right = product.b + start * product.b_row + part.column * product.b_column;
  part.right_stride = product.b_row;
  part.right_copy = nullptr;
  if (!plan.copies(part.columns)) return;
  const int width = padded_columns<T>(part.columns);
  if (kWidePanels<T> && part.first_row == 0) {
    const bool has_tile = block_of(part.rows, plan.tile_rows) == StridedTileFunctions<T>::kWidestRows;
    if (has_tile && product.b_column == 1 && part.columns == width) {
      part.right_copy = copy;
      return;
    }
    copy_panel(product, start, depth, part.column, part.columns, copy);
  }
  part.right = copy;
  part.right_stride = width;
}

template <typename T>
void gemm(const Gemm<T>& given) {
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
      const LeftBlock<T> left = left_block(plan, row, rows, start, depth, left_copy);
      for (int begin = 0, end; begin < product.n; begin = end) {
        end = plan.group_end(begin, depth);
        if (!kWidePanels<T>) copy_panels(plan, start, depth, begin, end, right_copy);
        split_groups(plan, rows, [&](int first_row, int group_rows) {
          GemmPart<T> part = {.row = row + first_row,
                              .first_row = first_row,
                              .rows = group_rows,
                              .fresh = start == 0 && !product.accumulate};
          T* copy = right_copy;
          for (part.column = begin; part.column < end; part.column += part.columns) {
            part.columns = plan.panels.width_at(part.column);
            place_right(plan, start, depth, copy, part);
            if (plan.copies(part.columns)) copy += static_cast<ptrdiff_t>(padded_columns<T>(part.columns)) * depth;
            const int next = part.column + part.columns;
            part.next_c = next < end ? plan.c(part.row, next) : plan.c(part.row + group_rows, begin);
            multiply_part(plan, left, part);
          }
        });
      }
    }
  }
}
