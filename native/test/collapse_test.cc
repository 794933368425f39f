// The caller's memory into large pages: what is in it stays, and the system says that they are large.
#include "../training/collapse.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "../training/buffer.h"

#if defined(__linux__)

#include <stdio.h>
#include <sys/mman.h>

namespace chainrule {
namespace {

// Bytes in large pages of the mapping that holds an address; 0 where the system does not tell.
size_t large_bytes(const void* address) {
  FILE* const file = fopen("/proc/self/smaps", "re");
  if (!file) return 0;
  char line[512];
  bool inside = false;
  size_t kib = 0;
  while (fgets(line, sizeof line, file)) {
    unsigned long begin, end;
    const auto at = reinterpret_cast<unsigned long>(address);
    if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) inside = begin <= at && at < end;
    if (inside && sscanf(line, "AnonHugePages: %zu kB", &kib) == 1) break;
  }
  fclose(file);
  return kib * 1024;
}

// Small pages, each with its number.
class Memory {
 public:
  explicit Memory(size_t bytes) : bytes_(bytes) {
    memory_ = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    for (size_t at = 0; at < bytes_; at += kSmallPage) number(at) = at;
  }
  ~Memory() { munmap(memory_, bytes_); }

  char* data() const { return memory_; }
  bool as_written() const {
    for (size_t at = 0; at < bytes_; at += kSmallPage) {
      if (number(at) != at) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kSmallPage = 4096;
  size_t& number(size_t at) const { return *reinterpret_cast<size_t*>(memory_ + at); }

  size_t bytes_;
  char* memory_;
};

// With the pause there has to be after a page.
void advance_and_pause(Collapse& collapse) {
  const auto before = std::chrono::steady_clock::now();
  collapse.advance(1);
  std::this_thread::sleep_for(4 * (std::chrono::steady_clock::now() - before));
}

// As often as there are pages.
void advance_through(Collapse& collapse, const void* memory, size_t bytes, int64_t rows) {
  for (size_t at = 0; at < bytes; at += kLargePage) {
    collapse.begin(memory, bytes, rows);
    advance_and_pause(collapse);
  }
}

TEST_CASE(
    "rows are in large pages some updates after all have been trained on, and no earlier, with what was in them") {
  constexpr size_t kBytes = 8 * kLargePage;
  const Memory expected(kBytes), collapsed(kBytes);
  // Whether this system has large pages for who wants them, and its kernel does this at all.
  Buffer<char> wanted(kLargePage);
  wanted.clear();
  const size_t begin = reinterpret_cast<size_t>(expected.data());
  constexpr int kCollapse = 25;
  madvise(expected.data() + (kLargePage - begin % kLargePage) % kLargePage, kLargePage, kCollapse);
  const bool able = large_bytes(wanted.data()) > 0 && large_bytes(expected.data()) > 0;

  Collapse collapse;
  const size_t before = large_bytes(collapsed.data());
  constexpr int64_t kRows = 3;
  collapse.begin(collapsed.data(), kBytes, kRows);
  for (int64_t r = 0; r < kRows; ++r) collapse.advance(1);
  CHECK(large_bytes(collapsed.data()) == before);

  advance_through(collapse, collapsed.data(), kBytes, kRows);
  CHECK(!collapse.advance(1));
  CHECK(collapsed.as_written());
  if (able) CHECK(large_bytes(collapsed.data()) >= before + kBytes - kLargePage);

  // First some of the rows, then all: those trained on before count, too.
  const Memory grown(kBytes);
  const size_t small = large_bytes(grown.data());
  Collapse whole;
  whole.begin(grown.data(), kBytes / 2, kRows);
  for (int64_t r = 0; r < kRows; ++r) whole.advance(1);
  whole.begin(grown.data(), kBytes, 2 * kRows);
  for (int64_t r = 0; r < kRows; ++r) whole.advance(1);
  CHECK(large_bytes(grown.data()) == small);
  advance_and_pause(whole);
  if (able) CHECK(large_bytes(grown.data()) == small + kLargePage);
  advance_through(whole, grown.data(), kBytes, 2 * kRows);
  CHECK(!whole.advance(1));
  CHECK(grown.as_written());

  // Less than a large page, or none at all.
  advance_through(collapse, collapsed.data() + 64, kLargePage - 64, 0);
  advance_through(collapse, nullptr, 0, 0);
  CHECK(collapsed.as_written());
}

}  // namespace
}  // namespace chainrule

#endif
