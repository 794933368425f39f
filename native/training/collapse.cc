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
  const uintptr_t first = reinterpret_cast<uintptr_t>(memory);
  if (memory != memory_) {
    memory_ = memory;
    rows_seen_ = 0;
    next_ = (first + kLargePage - 1) / kLargePage;
  }
  rows_ = rows;
  end_ = memory && wanted() ? (first + bytes) / kLargePage : 0;
}

bool Collapse::advance(int64_t rows) {
  if (next_ >= end_) return false;
  if (rows_seen_ < rows_) {
    rows_seen_ += rows;
    return true;
  }
  constexpr int kOtherWork = 3;  // for each part of this
  const Clock::time_point before = Clock::now();
  if (before < due_) return true;
  collapse(reinterpret_cast<char*>(next_ * kLargePage));
  ++next_;
  const Clock::time_point after = Clock::now();
  due_ = after + kOtherWork * (after - before);
  return true;
}

}  // namespace chainrule
