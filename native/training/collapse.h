// The caller's rows into large pages, on Linux from 6.1 on. Shuffled, nearly every row lies in another page, and to
// find one of so many small pages that their table does not stay in a cache can take as long as to read what is in it.
#pragma once

#include <stddef.h>

#include <chrono>

namespace chainrule {

// Collapses the small pages of memory into large ones, one at a time between other work, of which that takes a quarter
// at most. What is in them stays where it is for whoever reads or writes it meanwhile.
class Collapse {
 public:
  // Memory that has to be there for as long as advance() is called. Other memory than before begins anew.
  void begin(const void* memory, size_t bytes);
  // Once per update. The first update with other memory leaves it alone: there might be no other.
  void advance();

 private:
  using Clock = std::chrono::steady_clock;

  const void* memory_ = nullptr;
  size_t bytes_ = 0;
  bool fresh_ = false;
  char* next_ = nullptr;  // the large page to come
  char* end_ = nullptr;
  Clock::time_point due_ = {};
};

}  // namespace chainrule
