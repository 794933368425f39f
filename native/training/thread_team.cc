#include "thread_team.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace chainrule {
namespace {

using Clock = std::chrono::steady_clock;

// A futex call and a sleeping core's way back: as time, and as the multiply-adds that one core does in it.
constexpr auto kWakingTime = std::chrono::microseconds(50);
constexpr int64_t kWakingWork = 1 << 22;

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Spins until changed(), or for about as long as waking a parked thread takes: that covers the gaps between the phases
// of a batch, and after it the core belongs to others.
template <typename Changed>
bool spin_until(Changed changed) {
  constexpr int kPauses = 32;  // of 10 to 60 ns each, between two looks at the clock
  for (Clock::time_point end = {};;) {
    for (int i = 0; i < kPauses; ++i) {
      if (changed()) return true;
      pause();
    }
    const Clock::time_point now = Clock::now();
    if (end == Clock::time_point{}) end = now + kWakingTime;
    if (now >= end) return false;
  }
}

// A ticket: 32 bits of the dispatch's number, 16 of the chunks there are, 16 of those taken. A thread that comes too
// late adds one more, at most once per dispatch.
constexpr uint64_t ticket_of(uint32_t generation, uint32_t chunks, uint32_t taken) {
  return (static_cast<uint64_t>(generation) << 32) | (static_cast<uint64_t>(chunks) << 16) | taken;
}
constexpr uint32_t generation_of(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 32); }
constexpr uint32_t chunks_of(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 16) & 0xffff; }
constexpr uint32_t taken_of(uint64_t ticket) { return static_cast<uint32_t>(ticket) & 0xffff; }

// Each chunk is half of what the ones before have left, the last one all of it.
Range chunk_of(Range share, uint32_t index, uint32_t chunks) {
  const int length = share.end - share.begin;
  const int left = length >> index, after = index + 1 == chunks ? 0 : length >> (index + 1);
  return {share.end - left, share.end - after};
}

}  // namespace

ThreadTeam::ThreadTeam(int size) : size_(size), parked_(size - 1) {}

ThreadTeam::~ThreadTeam() {
  if (helpers_.empty()) return;
  ending_.store(true, std::memory_order_relaxed);
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  for (int t = 0; t < size_; ++t) shares_[t].ticket.store(ticket_of(generation, 0, 0), std::memory_order_release);
  generation_.store(generation);
  generation_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

bool ThreadTeam::worth_waking(int64_t work) {
  if (begins_job_) {
    const Clock::time_point now = Clock::now();
    if (now - last_job_ > kWakingTime) unshared_ = 0;
    last_job_ = now;
    begins_job_ = false;
  }
  unshared_ += work;
  if (unshared_ < kWakingWork) return false;
  unshared_ = 0;
  return true;
}

void ThreadTeam::start() {
  shares_.reset(new Share[static_cast<size_t>(size_)]);
  helpers_.reserve(static_cast<size_t>(size_ - 1));
  for (int t = 1; t < size_; ++t) helpers_.emplace_back([this, t] { help(t); });
}

// Between two cores each line that one has written takes its time to the other, so there are few on the way: a helper
// waits for the line of its share, and this thread for the count of what helpers have finished. Nothing here waits for
// a store to arrive: this thread begins with a chunk of its own that nobody else may take.
void ThreadTeam::dispatch(Call call, void* context, int count, int chunks) {
  if (size_ == 1) {
    call(context, {0, count}, 0);
    return;
  }
  if (helpers_.empty()) start();
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  const uint32_t all = static_cast<uint32_t>(chunks), before = finished_.load(std::memory_order_relaxed);
  for (int t = size_; t-- > 0;) {
    Share& share = shares_[t];
    share.call = call;
    share.context = context;
    share.range = part_of(count, {t, t + 1}, size_);
    share.ticket.store(ticket_of(generation, all, t == 0 ? 1 : 0), std::memory_order_release);
  }
  generation_.store(generation, std::memory_order_release);
  // A helper that parks just now may be missed: then its chunks fall to the others, this once.
  if (parked_.load(std::memory_order_relaxed) > 0) generation_.notify_all();

  const Range first = chunk_of(shares_[0].range, 0, all);
  if (first.begin < first.end) call(context, first, 0);
  uint32_t done = 1;
  work(0, [&](uint32_t own) { done += own; });

  const uint32_t awaited = before + static_cast<uint32_t>(size_) * all - done;
  const auto finished = [&] { return finished_.load(std::memory_order_acquire) == awaited; };
  if (spin_until(finished)) return;
  waits_.store(true);
  for (uint32_t now; (now = finished_.load()) != awaited;) finished_.wait(now);
  waits_.store(false, std::memory_order_relaxed);
}

void ThreadTeam::help(int thread) {
  const FlushDenormals flush;
  parked_.fetch_sub(1, std::memory_order_relaxed);
  const std::atomic<uint64_t>& ticket = shares_[thread].ticket;
  for (uint32_t generation = 0;;) {
    const auto comes = [&] { return generation_of(ticket.load(std::memory_order_acquire)) != generation; };
    if (!spin_until(comes)) {
      parked_.fetch_add(1);
      generation_.wait(generation);
      parked_.fetch_sub(1, std::memory_order_relaxed);
    }
    generation = generation_of(ticket.load(std::memory_order_acquire));
    if (ending_.load(std::memory_order_relaxed)) return;
    work(thread, [&](uint32_t chunks) {
      finished_.fetch_add(chunks);
      if (waits_.load()) finished_.notify_one();
    });
  }
}

template <typename Count>
void ThreadTeam::work(int thread, Count count) {
  for (int i = 0; i < size_; ++i) {
    Share& share = shares_[(thread + i) % size_];
    uint32_t done = 0;
    while (take(share, thread)) ++done;
    if (done > 0) count(done);
  }
}

// A ticket that has a chunk left belongs to the dispatch under way, which cannot end before that chunk is counted: what
// it published stays valid until then.
bool ThreadTeam::take(Share& share, int thread) {
  const auto has_chunk = [](uint64_t ticket) { return taken_of(ticket) < chunks_of(ticket); };
  if (!has_chunk(share.ticket.load(std::memory_order_relaxed))) return false;
  const uint64_t ticket = share.ticket.fetch_add(1, std::memory_order_acq_rel);
  if (!has_chunk(ticket)) return false;
  const Range chunk = chunk_of(share.range, taken_of(ticket), chunks_of(ticket));
  if (chunk.begin < chunk.end) share.call(share.context, chunk, thread);
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
