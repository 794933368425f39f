// How a general product is done: which operand is turned or copied, and the blocks and panels of the loops.

// Deep, because c goes to memory and back once for each block; a panel of B comes from L2 for each tile anyhow.
constexpr int kGemmDepth = 512;
// Where c is turned on its way, each pass over it costs more than a deeper panel does.
constexpr int kTurnedDepth = 2048;
// For each group of B's panels a block goes through a page of A and one of C a row, where rows are that long: of more
// pages a processor does not keep the addresses.
constexpr int kGemmRows = 1024;
// Elements of B in a group of panels, half of a 1 MiB L2: the rows of a tile go through all of them, then the next
// rows. Twice as many gain 1 to 2 % where L2 has 2 MiB, and lose 7 to 12 % where it has one.
template <typename T>
constexpr int kGroupElements = (1 << 19) / static_cast<int>(sizeof(T));
template <typename T>
constexpr int kMaxTileColumns = GemmTileLimits::kMaxVectors* Vec<T>::kLanes;
// Panels of several cache lines are copied by the first tile that reads them, and stay in L2. Those of one line are
// copied before, along the rows of their group, and each is read by some tiles while it is in L1.
template <typename T>
constexpr bool kWidePanels = kMaxTileColumns<T> * sizeof(T) > kLine;

// Up to this k, what is done once for each tile weighs: the way of c, more than one more panel, part of which is
// padding.
constexpr int kShallow = 64;
// Of B, in panels enough to copy A for, or for one more of them so that the others begin with lines of c.
constexpr int kManyColumns = 256;

constexpr ptrdiff_t kPage = 4096;
constexpr ptrdiff_t kFirstLevelPages = 64;  // that a core translates at once
// Bytes between rows from which on a panel falls into so few sets of L1 that it does not stay there.
constexpr ptrdiff_t kFewSets = 512;

// Where few rows read a panel of B, and it has to be turned, that is done in pieces, each of which stays in L1 until
// all rows have read it: to write the panel to L2 and to bring it back takes as long as to turn it.
template <typename T>
constexpr int kFewRows = kPanel<T>;
constexpr int kPieceBytes = 1 << 14;
template <typename T>
constexpr int piece_depth(int width) {
  return kPieceBytes / (width * static_cast<int>(sizeof(T))) / 16 * 16;
}

// Of copies of B: a group, which may be a single panel, and what pads its first and its last one.
template <typename T>
constexpr int right_elements(int depth) {
  const int panel = depth * kMaxTileColumns<T>;
  return (kGroupElements<T> > panel ? kGroupElements<T> : panel) + 2 * depth * Vec<T>::kLanes;
}

template <typename T>
ptrdiff_t gemm_workspace(int m, int n, int k) {
  return right_elements<T>(min_of(k, kTurnedDepth)) +
         static_cast<ptrdiff_t>(min_of(m < n ? n : m, kGemmRows)) * min_of(k, kGemmDepth);
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

// Columns before the first cache line of c to begin in a row, where that is so in all rows alike.
template <typename T>
inline int columns_to_line(const Gemm<T>& product) {
  constexpr ptrdiff_t kElements = kLine / static_cast<ptrdiff_t>(sizeof(T));
  const ptrdiff_t past =
      static_cast<ptrdiff_t>(reinterpret_cast<uintptr_t>(product.c) % kLine) / static_cast<ptrdiff_t>(sizeof(T));
  return past > 0 && product.ldc % kElements == 0 ? static_cast<int>(kElements - past) % kMaxTileColumns<T> : 0;
}

// How one product is done.
template <typename T>
struct GemmPlan {
  Gemm<T> product;
  bool turned;              // computes (op(A) op(B))ᵀ; c still lies as the caller's
  Orientation orientation;  // of a
  bool copies_a, copies_b;
  bool in_pieces;  // copies B piece by piece, each for all rows
  GemmPanels<T> panels = {0, 0, true};
  int tile_rows;

  ptrdiff_t a_stride() const { return orientation == Orientation::kRows ? product.a_row : product.a_column; }
  T* c(int row, int column) const {
    return product.c + (turned ? column * product.ldc + row : row * product.ldc + column);
  }
  // A panel is read in place if its rows lie near each other and its vectors are full.
  bool copies(int columns) const { return copies_b || columns % Vec<T>::kLanes != 0; }
  // Whether c goes through a buffer on its way.
  bool stages(int columns) const { return turned || columns % Vec<T>::kLanes != 0; }
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
  int rows() const { return block_of(product.m, kGemmRows); }
};

// Vectors lie along the columns of b, so b has to be turned if it lies across. The transposed product swaps the
// operands, and turns c instead.
template <typename T>
bool turning_pays(const Gemm<T>& product) {
  constexpr int kLanes = Vec<T>::kLanes;
  // Multiply-adds that turning one element costs: of c, and of an operand that is read while it is in L1; it costs
  // twice as many to turn one into L2 and to read it there.
  constexpr double kTurn = 5;
  const bool shallow = product.k <= piece_depth<T>(kMaxTileColumns<T>);
  const auto turning = [&](int rows) { return rows <= kFewRows<T> || shallow ? kTurn : 2 * kTurn; };
  const auto padded = [](int size) { return static_cast<double>((size + kLanes - 1) / kLanes * kLanes); };
  const double m = product.m, n = product.n, k = product.k;
  const double direct = m * k * padded(product.n) + (product.b_column == 1 ? 0 : turning(product.m) * n * k);
  const double passes = product.k > kTurnedDepth ? 3 : 1;
  const double turned =
      n * k * padded(product.m) + (product.a_row == 1 ? 0 : turning(product.n) * m * k) + passes * kTurn * m * n;
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
  constexpr int kManyRows = 65;
  plan.copies_a = plan.orientation == Orientation::kColumns && product.n >= kManyColumns &&
                  plan.a_stride() * kSize * min_of(product.k, kGemmDepth) >= kFirstLevelPages * kPage;
  const bool splits = product.n >= kManyColumns && product.k <= kShallow && !plan.turned;
  plan.copies_b = product.b_column != 1 || (product.m >= kManyRows && product.b_row * kSize >= kFewSets);
  plan.in_pieces = product.b_column != 1 && product.m <= kFewRows<T>;
  // A tile of few rows has too few chains beside panels as narrow as those read in place.
  const bool few_rows = product.m <= GemmTileLimits::kMaxRows[GemmTileLimits::kMaxVectors - 1];
  plan.panels = {splits ? columns_to_line(product) : 0, product.n, !plan.copies_b && !few_rows};
  plan.tile_rows = plan.panels.rows_of_tiles();
  return plan;
}
