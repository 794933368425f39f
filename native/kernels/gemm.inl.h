// General products (Goto and van de Geijn, 2008). Operands are read where they lie as long as that costs nothing; what
// lies across is copied first, block by block, or piece by piece where few rows read it; B with rows far apart by the
// first tile that reads it.

// A block of op(A) as tiles read it.
template <typename T>
struct LeftBlock {
  const T* data;
  ptrdiff_t stride;
  bool copied;  // (depth, rows of the tile) for each tile
  int depth;

  // Of the tile of so many rows that begins at `row`, from step `start` of the block on.
  const T* at(int row, int rows, int start, Orientation orientation) const {
    if (copied) return data + static_cast<ptrdiff_t>(row) * depth + static_cast<ptrdiff_t>(start) * rows;
    return orientation == Orientation::kRows ? data + row * stride + start : data + start * stride + row;
  }
  ptrdiff_t stride_of(int rows) const { return copied ? rows : stride; }
};

constexpr int kGroupTiles = 8;
template <typename T>
constexpr int kGroupRows =
    kGroupTiles* GemmTileLimits::kMaxRows[0] > kPanel<T> ? kGroupTiles* GemmTileLimits::kMaxRows[0] : kPanel<T>;

// Calls visit(first, rows) for groups of rows that go through a group of panels together: those of one tile, those that
// are turned together, few rows all at once, or, where panels fit L1, those of some tiles. Cut where evenly split tiles
// end, so that there are no more tiles, each of fewer rows, than without groups.
template <typename T, typename Visit>
inline void split_groups(const GemmPlan<T>& plan, int rows, Visit visit) {
  if (plan.in_pieces) return visit(0, rows);
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
  if (plan.in_pieces || (!plan.copies_b && plan.panels.whole())) return;
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
  int start;  // of the block's steps
  const T* right;
  ptrdiff_t right_stride;
  T* right_copy;  // where the first tile copies the panel to, and the others read it; null: it stays
  bool fresh;
  const T* next_c;  // of the next part; null after the last row, which may be followed by another thread's
  int next_row;     // likewise, in the block of A
};

// c += left · right, steps [start, start + depth) of the block
template <typename T>
inline void multiply_tiles(const GemmPlan<T>& plan, const LeftBlock<T>& left, const GemmPart<T>& part, int start,
                           int depth, T* c, ptrdiff_t c_stride) {
  const int width = padded_columns<T>(part.columns), vectors = width / Vec<T>::kLanes;
  const StridedTileFunctions<T>& functions = kStridedTiles<T>[static_cast<int>(plan.orientation)];
  const bool staged = plan.stages(part.columns);
  split_rows(part.rows, plan.tile_rows, [&](int first, int height) {
    const bool copies = part.right_copy && first == 0, copied = part.right_copy && first > 0;
    const bool last = first + height == part.rows;
    const int row = part.first_row + first;
    const T* const next_c = last ? part.next_c : c + height * c_stride;
    const int next_row = last ? part.next_row : row + height;
    const auto multiply =
        copies ? functions.multiply_and_copy[vectors - 1] : functions.multiply[vectors - 1][height - 1];
    multiply({.a = left.at(row, height, start, plan.orientation),
              .a_stride = left.stride_of(height),
              .b = copied ? part.right_copy : part.right,
              .b_stride = copied ? width : part.right_stride,
              .b_copy = part.right_copy,
              .c = c,
              .c_stride = c_stride,
              .k = depth,
              .fresh = part.fresh && start == 0,
              .next_c = staged ? nullptr : next_c,
              .next_a = left.at(next_row, height, 0, plan.orientation)});
    c += height * c_stride;
  });
}

// c += left · right
template <typename T>
inline void multiply_part(const GemmPlan<T>& plan, const LeftBlock<T>& left, const GemmPart<T>& part) {
  const ptrdiff_t ldc = plan.product.ldc;
  const int width = padded_columns<T>(part.columns);
  const bool staged = plan.stages(part.columns);
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
  T* const c = staged ? staging : out;
  const int step = plan.in_pieces ? piece_depth<T>(width) : left.depth;
  for (int start = 0; start < left.depth; start += step) {
    const int depth = min_of(step, left.depth - start);
    if (plan.in_pieces) {
      copy_panel(plan.product, part.start + start, depth, part.column, part.columns, plan.product.workspace);
    }
    multiply_tiles(plan, left, part, start, depth, c, c_stride);
  }
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
  if (kWidePanels<T> && !plan.in_pieces && part.first_row == 0) {
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
  if (is_shallow(plan)) return multiply_shallow(plan);
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
                              .start = start,
                              .fresh = start == 0 && !product.accumulate};
          T* copy = right_copy;
          for (part.column = begin; part.column < end; part.column += part.columns) {
            part.columns = plan.panels.width_at(part.column);
            place_right(plan, start, depth, copy, part);
            if (plan.copies(part.columns) && !plan.in_pieces) {
              copy += static_cast<ptrdiff_t>(padded_columns<T>(part.columns)) * depth;
            }
            const int next = part.column + part.columns;
            const bool last = next == end;
            const int next_row = last ? part.row + group_rows : part.row;
            part.next_c = next_row < product.m ? plan.c(next_row, last ? begin : next) : nullptr;
            part.next_row = next_row - row;
            multiply_part(plan, left, part);
          }
        });
      }
    }
  }
}
