// The compute threads of a job, or of one after the other: the calling thread, and helpers that start once there is
// work enough for them and end with the team. Between two pieces they spin for as long as waking them would take, then
// park.
#pragma once

#include <stdint.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "../kernels/kernels.h"

namespace chainrule {

class ThreadTeam {
 public:
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Only what jobs bring that follow one another at once counts towards waking helpers: where more time passes than
  // they spin, a job that takes less time than waking them is best left alone, however often it comes.
  void begin_job() { begins_job_ = true; }

  // Whether to share a piece of so much work, counted in multiply-adds. Helpers that are parked, or not there yet, are
  // woken once the work that has come without them is as much as waking them costs: whatever comes, waiting for more
  // takes at most as long as waking them at once would have.
  bool worth_sharing(int64_t work) {
    if (size_ == 1) return false;
    return parked_.load(std::memory_order_relaxed) < size_ - 1 || worth_waking(work);
  }

  // Calls visit(range), or visit(range, thread), for ranges that together are [0, count), on all threads, and returns
  // when all have been visited. This thread is number 0.
  //
  // Each thread has the same share every time, so that what it wrote is still in its cache; it works through that in
  // so many chunks, each half of what is left, then takes over chunks of others. A thread that the operating system
  // keeps from running delays nobody but by the chunk it is at.
  template <typename Visit>
  void share(int count, int chunks, Visit&& visit) {
    using Plain = std::remove_reference_t<Visit>;
    dispatch([](void* context, Range range, int thread) { call(*static_cast<Plain*>(context), range, thread); }, &visit,
             count, chunks);
  }
  template <typename Visit>
  static void call(Visit& visit, Range range, int thread) {
    if constexpr (std::is_invocable_v<Visit&, Range, int>) {
      visit(range, thread);
    } else {
      visit(range);
    }
  }

 private:
  using Call = void (*)(void*, Range, int thread);

  // One thread's share of a dispatch: all that the thread has to know, in the line that it waits for.
  struct alignas(64) Share {
    // The number of the dispatch, how many chunks there are and the next to be taken, in one word: one
    // read-modify-write takes a chunk and tells whether it is still there.
    std::atomic<uint64_t> ticket{0};
    Call call = nullptr;  // published by the ticket, as are the next two
    void* context = nullptr;
    Range range = {};
  };

  bool worth_waking(int64_t work);
  void dispatch(Call call, void* context, int count, int chunks);
  void start();
  void help(int thread);
  // Works until no chunk of any share is left; what this thread finished of a share, it passes to count(chunks).
  template <typename Count>
  void work(int thread, Count count);
  // Takes one chunk of the share and visits it; false where none was left.
  static bool take(Share& share, int thread);

  // This thread's alone, and written with every job: not in a line that helpers read.
  bool begins_job_ = false;
  std::chrono::steady_clock::time_point last_job_;  // that might have been shared
  int64_t unshared_ = 0;                            // since the helpers parked
  alignas(64) const int size_;
  std::atomic<int> parked_;  // helpers that sleep or are not there yet
  std::unique_ptr<Share[]> shares_;
  std::vector<std::thread> helpers_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> waits_{false};                   // this thread sleeps until finished_ changes
  alignas(64) std::atomic<uint32_t> generation_{0};  // of the last dispatch
  alignas(64) std::atomic<uint32_t> finished_{0};    // chunks that helpers have ever finished
};

// Sets flush-to-zero for the calling thread and puts its mode back at the end: moments that decay into denormals would
// cost a third of the speed, and the caller's own arithmetic must not change. Or clears it: a team's threads have it
// set.
class FlushDenormals {
 public:
  explicit FlushDenormals(bool flush = true);
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  uint64_t saved_;
};

}  // namespace chainrule
