#include "collapse.h"

#include "large_pages.h"

#if defined(__linux__)
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#endif

namespace chainrule {

#if defined(__linux__)
namespace {

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

}  // namespace

void Collapse::begin(const void* memory, size_t bytes) {
  if (memory == memory_ && bytes == bytes_) return;
  memory_ = memory;
  bytes_ = bytes;
  fresh_ = true;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(memory), end = begin + bytes;
  const bool some = memory && (begin + kLargePage - 1) / kLargePage < end / kLargePage && wanted();
  next_ = some ? reinterpret_cast<char*>((begin + kLargePage - 1) / kLargePage * kLargePage) : nullptr;
  end_ = some ? reinterpret_cast<char*>(end / kLargePage * kLargePage) : nullptr;
}

void Collapse::advance() {
  if (next_ == end_) return;
  if (fresh_) {
    fresh_ = false;
    return;
  }
  constexpr int kOtherWork = 3;  // for each part of this
  const Clock::time_point before = Clock::now();
  if (before < due_) return;
  collapse(next_);
  next_ += kLargePage;
  const Clock::time_point after = Clock::now();
  due_ = after + kOtherWork * (after - before);
}

#else

void Collapse::begin(const void*, size_t) {}
void Collapse::advance() {}

#endif

}  // namespace chainrule
