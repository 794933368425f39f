// How one phase of a batch is shared between threads: outputs are split, never a sum, so the bits do not depend on it.
#pragma once

#include <stdint.h>

#include <algorithm>

#include "../kernels/kernels.h"
#include "thread_team.h"

namespace chainrule {

// Work is counted in multiply-adds. Up to this much (a few microseconds) handing over costs more than the other core
// gains.
inline constexpr int64_t kSharedWork = 1 << 18;
// What an elementwise operation costs beside a multiply-add of a product.
inline constexpr int kElementwiseCost = 8;
// What an element of a row that lies anywhere in memory costs: 0.3 to 1 ns.
inline constexpr int kGatherCost = 32;

// Chunks of a thread's share at most, each half of what is left: a thread that is done takes over the last ones of
// another, and cores differ by some per cent even where nothing else runs on them.
inline constexpr int kChunks = 8;
inline constexpr int64_t kSmallestChunk = 2 * kSharedWork;  // half of it cost small networks 5 to 10 %

struct Sharing {
  int64_t above = kSharedWork;  // with less work one thread does it all
  int chunks = kChunks;         // of a thread's share, at most
};

// Calls visit(range), or visit(range, thread), for contiguous parts of [0, count) on the threads of the team, or for
// all of it on this thread.
template <typename Visit>
void for_range(ThreadTeam& team, int64_t work, int count, Visit&& visit, Sharing sharing = {}) {
  if (work <= sharing.above || count < 2 || !team.worth_sharing(work)) {
    ThreadTeam::call(visit, {0, count}, 0);
    return;
  }
  const int64_t share = work / team.size();
  int worthwhile = 1;
  while (worthwhile < sharing.chunks && share >> worthwhile >= kSmallestChunk) ++worthwhile;
  team.share(count, worthwhile, visit);
}

// Cells `range` of a grid so wide, counted row by row, as visit(rows, columns) of as few rectangles as can be.
template <typename Visit>
void for_rectangles(Range range, int width, Visit&& visit) {
  for (int cell = range.begin; cell < range.end;) {
    const int row = cell / width, column = cell % width, left = range.end - cell;
    const int whole = column == 0 ? left / width : 0;
    const Range rows = {row, row + std::max(whole, 1)};
    const Range columns = {column, whole > 0 ? width : std::min(width, column + left)};
    visit(rows, columns);
    cell += (rows.end - rows.begin) * (columns.end - columns.begin);
  }
}

// Calls visit(range, range, thread) over a grid. A thread's share is as few of the first side as can be, and the ends
// of shares are pieces of one: what all threads but the last wait for is short. `unit` is the size of a piece of the
// second side below which cutting it gains nothing.
template <typename Visit>
void for_grid(ThreadTeam& team, int64_t work, int first, int second, int unit, Visit&& visit) {
  if (team.size() == 1 || work <= kSharedWork) {
    visit(Range{0, first}, Range{0, second}, 0);
    return;
  }
  const int pieces = std::max(1, second / unit);
  for_range(team, work, first * pieces, [&](Range range, int thread) {
    for_rectangles(range, pieces,
                   [&](Range rows, Range columns) { visit(rows, part_of(second, columns, pieces), thread); });
  });
}

}  // namespace chainrule
