// How one phase of a batch is shared between threads: outputs are split, never a sum, so the bits do not depend on it.
#pragma once

#include <stdint.h>

#include "../kernels/kernels.h"
#include "thread_team.h"

namespace chainrule {

// Work is counted in multiply-adds. Below this much (a few microseconds) handing over costs more than the other core
// gains.
inline constexpr int64_t kSharedWork = 1 << 18;
// What an elementwise operation costs beside a multiply-add of a product.
inline constexpr int kElementwiseCost = 8;
// What an element of a row that lies anywhere in memory costs: 0.3 to 1 ns.
inline constexpr int kGatherCost = 32;

// Chunks of a thread's share at most, each half of what is left: a thread that is done takes over the last ones of
// another, and cores differ by some per cent even where nothing else runs on them.
inline constexpr int kChunks = 6;

// Calls visit(range), or visit(range, thread), for contiguous parts of [0, count) on the threads of the team, or for
// all of it on this thread.
template <typename Visit>
void for_range(ThreadTeam& team, int64_t work, int count, Visit&& visit, int chunks = kChunks) {
  if (work < kSharedWork || count < 2 || !team.worth_sharing(work)) {
    ThreadTeam::call(visit, {0, count}, 0);
    return;
  }
  const int64_t share = work / team.size();
  int worthwhile = 1;
  while (worthwhile < chunks && share >> worthwhile >= kSharedWork) ++worthwhile;
  team.share(count, worthwhile, visit);
}

// Calls visit(range, range, thread) over a grid: splits whichever side leaves the threads more evenly loaded.
// `second_unit` is the size of a piece of the second side below which splitting it gains nothing.
template <typename Visit>
void for_grid(ThreadTeam& team, int64_t work, int first, int second, int second_unit, Visit&& visit) {
  const int threads = team.size();
  if (threads == 1 || work < kSharedWork) {
    visit(Range{0, first}, Range{0, second}, 0);
    return;
  }
  const auto balance = [threads](int count) {
    const int largest = (count + threads - 1) / threads;
    return count == 0 ? 1.0 : static_cast<double>(count) / (static_cast<double>(largest) * threads);
  };
  if (balance(first) >= balance(second / second_unit)) {
    for_range(team, work, first, [&](Range range, int thread) { visit(range, Range{0, second}, thread); });
  } else {
    for_range(team, work, second, [&](Range range, int thread) { visit(Range{0, first}, range, thread); });
  }
}

}  // namespace chainrule
