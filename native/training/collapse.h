// The caller's rows into large pages, on Linux from 6.1 on. Shuffled, nearly every row lies in another page, and to
// find one of so many small pages that their table does not stay in a cache can take as long as to read what is in it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <chrono>

namespace chainrule {

// Collapses the small pages of rows into large ones, one at a time between other work, of which that takes a quarter at
// most. It begins once as many rows have been trained on as there are, since it takes longer than to go through them a
// single time. What is in them stays where it is for whoever reads or writes it meanwhile.
class Collapse {
 public:
  // Memory that has to be there for as long as advance() is called. With more or less of what there was before, it goes
  // on; with other memory it begins anew.
  void begin(const void* memory, size_t bytes, int64_t rows);
  // Before an update by so many rows. False once there is nothing left to do.
  bool advance(int64_t rows);

 private:
  using Clock = std::chrono::steady_clock;

  const void* memory_ = nullptr;
  int64_t rows_ = 0;
  int64_t rows_seen_ = 0;
  uintptr_t next_ = 0;  // the large page to come, counted from address 0
  uintptr_t end_ = 0;
  Clock::time_point due_ = {};
};

}  // namespace chainrule
