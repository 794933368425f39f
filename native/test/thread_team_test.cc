// One team for many jobs: the same helpers serve them all, and jobs too small for that wake none. What is shared is
// visited once.
#include "../training/split.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace chainrule {
namespace {

TEST_CASE("the same helper serves one job after the other") {
  ThreadTeam team(2);
  std::vector<std::thread::id> helpers;
  for (int job = 0; job < 20; ++job) {
    team.begin_job();
    std::atomic<int> arrived{0};
    std::thread::id threads[2];
    team.share(2, 1, [&](Range range, int thread) {
      threads[range.begin] = std::this_thread::get_id();
      CHECK(thread == range.begin);
      // Otherwise one thread might visit both ranges.
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    });
    CHECK(threads[0] == std::this_thread::get_id());
    helpers.push_back(threads[1]);
    CHECK(helpers.back() == helpers.front());
  }
  CHECK(helpers.front() != std::this_thread::get_id());
}

TEST_CASE("whatever the sizes, each element is visited once") {
  for (const int threads : {1, 2, 3}) {
    ThreadTeam team(threads);
    for (const int count : {1, 2, 3, 7, 8, 64, 1000}) {
      for (const int chunks : {1, 2, kChunks}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
        team.share(count, chunks, [&](Range range) {
          for (int i = range.begin; i < range.end; ++i) ++visits[static_cast<size_t>(i)];
        });
        int wrong = 0;
        for (const std::atomic<int>& times : visits) wrong += times != 1;
        INFO(threads << " threads, " << count << " elements, " << chunks << " chunks");
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("whatever the sides of a grid, each cell is visited once") {
  constexpr int64_t kLittle = kSharedWork / 2, kMuch = int64_t{1} << 32;
  for (const int threads : {1, 2, 3}) {
    ThreadTeam team(threads);
    for (const int64_t work : {kLittle, kMuch}) {
      for (const int first : {1, 2, 5, 16}) {
        for (const int second : {1, 7, 28, 90, 256}) {
          std::vector<std::atomic<int>> visits(static_cast<size_t>(first * second));
          constexpr int kUnit = 7;
          for_grid(team, work, first, second, kUnit, [&](Range rows, Range columns, int) {
            for (int r = rows.begin; r < rows.end; ++r) {
              for (int c = columns.begin; c < columns.end; ++c) ++visits[static_cast<size_t>(r * second + c)];
            }
          });
          int wrong = 0;
          for (const std::atomic<int>& times : visits) wrong += times != 1;
          INFO(threads << " threads, " << first << " x " << second << ", work " << work);
          CHECK(wrong == 0);
        }
      }
    }
  }
}

constexpr int64_t kHalfOfWaking = 1 << 21;

TEST_CASE("helpers are woken for the work of one job") {
  ThreadTeam team(2);
  team.begin_job();
  CHECK_FALSE(team.worth_sharing(kHalfOfWaking));
  CHECK(team.worth_sharing(kHalfOfWaking));
  CHECK_FALSE(ThreadTeam(1).worth_sharing(2 * kHalfOfWaking));
}

TEST_CASE("and for that of jobs which follow one another at once") {
  ThreadTeam team(2);
  // Seldom enough a pause of this thread's own comes in between each time.
  bool woken = false;
  for (int job = 0; job < 1000 && !woken; ++job) {
    team.begin_job();
    woken = team.worth_sharing(kHalfOfWaking);
  }
  CHECK(woken);
}

TEST_CASE("but not for that of jobs with time between them") {
  ThreadTeam team(2);
  for (int job = 0; job < 10; ++job) {
    team.begin_job();
    CHECK_FALSE(team.worth_sharing(kHalfOfWaking));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace
}  // namespace chainrule
