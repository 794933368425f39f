// The caller's rows into large pages, on Linux from 6.1 on. Shuffled, nearly every row lies in another page, and to
// find one of so many small pages that their table does not stay in a cache can take as long as to read what is in it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <chrono>

namespace chainrule {

// Collapses the small pages of rows into large ones, one at a time between other work, of which that takes a quarter at
// most. It begins once all rows have been trained on, since it takes longer than to go through them a single time. What
// is in them stays where it is for whoever reads or writes it meanwhile.
class Collapse {
 public:
  // Memory that has to be there for as long as advance() is called. Other memory than before begins anew.
  void begin(const void* memory, size_t bytes, int64_t rows);
  // Before an update by so many rows. False once there is nothing left to do.
  bool advance(int64_t rows);

 private:
  using Clock = std::chrono::steady_clock;

  const void* memory_ = nullptr;
  size_t bytes_ = 0;
  int64_t rows_left_ = 0;  // before it begins
  char* next_ = nullptr;   // the large page to come
  char* end_ = nullptr;
  Clock::time_point due_ = {};
};

}  // namespace chainrule
