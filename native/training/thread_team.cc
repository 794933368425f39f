#include "thread_team.h"

#include <chrono>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace chainrule {
namespace {

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Spins until the value differs from `old`, or for about as long as waking a parked thread takes: that covers the gaps
// between the phases of a batch, and after it the core belongs to others.
bool spin_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSpinTime = std::chrono::microseconds(50);
  constexpr int kPauses = 32;  // of 10 to 60 ns each, between two looks at the clock
  for (Clock::time_point end = {};;) {
    for (int i = 0; i < kPauses; ++i) {
      if (value.load(std::memory_order_acquire) != old) return true;
      pause();
    }
    const Clock::time_point now = Clock::now();
    if (end == Clock::time_point{}) end = now + kSpinTime;
    if (now >= end) return false;
  }
}

// A ticket: 32 bits of the dispatch's number, 16 of the chunks there are, 16 of those taken. A thread that comes too
// late adds one more, at most once per dispatch.
constexpr uint64_t ticket_of(uint32_t generation, uint32_t chunks) {
  return (static_cast<uint64_t>(generation) << 32) | (static_cast<uint64_t>(chunks) << 16);
}

}  // namespace

ThreadTeam::ThreadTeam(int size) : size_(size), parked_(size - 1) {}

ThreadTeam::~ThreadTeam() {
  if (helpers_.empty()) return;
  ending_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadTeam::start() {
  shares_.reset(new Share[static_cast<size_t>(size_)]);
  helpers_.reserve(static_cast<size_t>(size_ - 1));
  for (int t = 1; t < size_; ++t) helpers_.emplace_back([this, t] { help(t); });
}

void ThreadTeam::dispatch(Call call, void* context, int count, int chunks) {
  if (size_ == 1) {
    call(context, {0, count}, 0);
    return;
  }
  if (helpers_.empty()) start();
  call_ = call;
  context_ = context;
  count_ = count;
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  left_.store(static_cast<uint32_t>(size_ * chunks), std::memory_order_relaxed);
  for (int t = 0; t < size_; ++t)
    shares_[t].ticket.store(ticket_of(generation, static_cast<uint32_t>(chunks)), std::memory_order_release);
  generation_.store(generation, std::memory_order_release);
  generation_.notify_all();
  work(0);
  for (uint32_t left; (left = left_.load(std::memory_order_acquire)) != 0;) {
    if (!spin_for_change(left_, left)) left_.wait(left, std::memory_order_acquire);
  }
}

void ThreadTeam::help(int thread) {
  const FlushDenormals flush;
  parked_.fetch_sub(1, std::memory_order_relaxed);
  for (uint32_t generation = 0;;) {
    if (!spin_for_change(generation_, generation)) {
      parked_.fetch_add(1, std::memory_order_relaxed);
      generation_.wait(generation, std::memory_order_acquire);
      parked_.fetch_sub(1, std::memory_order_relaxed);
    }
    generation = generation_.load(std::memory_order_acquire);
    if (ending_.load(std::memory_order_relaxed)) return;
    work(thread);
  }
}

void ThreadTeam::work(int thread) {
  for (int i = 0; i < size_; ++i) {
    uint32_t done = 0;
    while (take((thread + i) % size_, thread)) ++done;
    if (done > 0 && left_.fetch_sub(done, std::memory_order_acq_rel) == done) {
      left_.notify_one();
      return;
    }
  }
}

// A ticket that has a chunk left belongs to the dispatch under way, which cannot end before work() has counted that
// chunk: what it published stays valid until then.
bool ThreadTeam::take(int owner, int thread) {
  const uint64_t ticket = shares_[owner].ticket.fetch_add(1, std::memory_order_acq_rel);
  const uint32_t chunks = static_cast<uint32_t>(ticket >> 16) & 0xffff;
  const uint32_t index = static_cast<uint32_t>(ticket) & 0xffff;
  if (index >= chunks) return false;
  const Range share = part_of(count_, {owner, owner + 1}, size_);
  const int length = share.end - share.begin;
  // Half of what is left, or all of it.
  const int left = length >> index, after = index + 1 == chunks ? 0 : length >> (index + 1);
  if (left > after) call_(context_, {share.end - left, share.end - after}, thread);
  return true;
}

#if defined(__x86_64__) || defined(_M_X64)

FlushDenormals::FlushDenormals(bool flush) : saved_(_mm_getcsr()) {
  constexpr unsigned kFlushToZeroAndDenormalsAreZero = 0x8040;
  const unsigned others = static_cast<unsigned>(saved_) & ~kFlushToZeroAndDenormalsAreZero;
  _mm_setcsr(others | (flush ? kFlushToZeroAndDenormalsAreZero : 0));
}
FlushDenormals::~FlushDenormals() { _mm_setcsr(static_cast<unsigned>(saved_)); }

#elif defined(__aarch64__)

FlushDenormals::FlushDenormals(bool flush) {
  constexpr uint64_t kFlushToZero = uint64_t{1} << 24;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
  __asm__ volatile("msr fpcr, %0" : : "r"((saved_ & ~kFlushToZero) | (flush ? kFlushToZero : 0)));
}
FlushDenormals::~FlushDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }

#else

FlushDenormals::FlushDenormals(bool) : saved_(0) {}
FlushDenormals::~FlushDenormals() {}

#endif

}  // namespace chainrule
