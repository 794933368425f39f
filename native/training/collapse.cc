#include "collapse.h"

#include "large_pages.h"

#if defined(__linux__)
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#endif

namespace chainrule {
namespace {

#if defined(__linux__)

// The kernel would do it even where whoever runs the system wants no large pages.
bool wanted() {
  static const bool is_wanted = [] {
    char modes[64] = {};
    FILE* const file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (!file) return false;
    const bool read = fgets(modes, sizeof modes, file) != nullptr;
    fclose(file);
    return read && !strstr(modes, "[never]");
  }();
  return is_wanted;
}

// A failure, as of an older kernel, leaves small pages.
void collapse(char* page) {
  constexpr int kCollapse = 25;  // MADV_COLLAPSE, which older headers do not have
  madvise(page, kLargePage, kCollapse);
}

#else

bool wanted() { return false; }
void collapse(char*) {}

#endif

}  // namespace

void Collapse::begin(const void* memory, size_t bytes, int64_t rows) {
  if (memory == memory_ && bytes == bytes_) return;
  memory_ = memory;
  bytes_ = bytes;
  rows_left_ = rows;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(memory), end = begin + bytes;
  const bool some = memory && (begin + kLargePage - 1) / kLargePage < end / kLargePage && wanted();
  next_ = some ? reinterpret_cast<char*>((begin + kLargePage - 1) / kLargePage * kLargePage) : nullptr;
  end_ = some ? reinterpret_cast<char*>(end / kLargePage * kLargePage) : nullptr;
}

bool Collapse::advance(int64_t rows) {
  if (next_ == end_) return false;
  if (rows_left_ > 0) {
    rows_left_ -= rows;
    return true;
  }
  constexpr int kOtherWork = 3;  // for each part of this
  const Clock::time_point before = Clock::now();
  if (before < due_) return true;
  collapse(next_);
  next_ += kLargePage;
  const Clock::time_point after = Clock::now();
  due_ = after + kOtherWork * (after - before);
  return true;
}

}  // namespace chainrule
