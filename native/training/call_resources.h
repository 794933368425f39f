// What is kept from one call on the JavaScript thread to the next, for a small product takes less time than starting a
// thread: compute threads, which park between calls, and memory. Each caller at a time has its own.
#pragma once

#include <stddef.h>

#include <memory>

#include "buffer.h"
#include "thread_team.h"

namespace chainrule {

class CallResources {
 public:
  // For a job of this call: the threads of the last one, unless it asked for another number of them.
  ThreadTeam& team(int threads) {
    if (threads == 1) return alone_;
    if (!team_ || team_->size() != threads) team_ = std::make_unique<ThreadTeam>(threads);
    team_->begin_job();
    return *team_;
  }

  // For gemm's copies of its operands: at least so many elements, which the next call overwrites.
  template <typename T>
  T* workspace(ptrdiff_t elements) {
    constexpr ptrdiff_t kUnit = sizeof(double);
    const ptrdiff_t size = (elements * static_cast<ptrdiff_t>(sizeof(T)) + kUnit - 1) / kUnit;
    if (memory_.size() < size) memory_ = Buffer<double>(size);
    return reinterpret_cast<T*>(memory_.data());
  }

 private:
  ThreadTeam alone_{1};
  std::unique_ptr<ThreadTeam> team_;
  Buffer<double> memory_;
};

}  // namespace chainrule
