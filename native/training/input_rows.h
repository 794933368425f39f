// The rows of a pass, gathered into panels for the lowest layer.
#pragma once

#include <vector>

#include "../kernels/kernels.h"
#include "panel_buffer.h"

namespace chainrule {

// Either in one copy that all threads share, or in a copy for each thread: what another core has just written comes at
// some 7 GB/s, and writing where another has just read is no faster, so that it is quicker to gather all rows twice.
template <typename T>
class InputRows {
 public:
  InputRows() = default;
  InputRows(const KernelTable<T>& kernels, int rows, int width, int threads)
      : kernels_(&kernels), rows_(rows), width_(width), copies_(static_cast<size_t>(threads)) {
    copies_[0].panels = PanelBuffer<T>(rows, width);
  }

  // The copy that all share, and a part of it to fill.
  Panels<const T> shared() const { return constant(copies_[0].panels.panels()); }
  void gather_shared(const Numbers& numbers, const RowSequence& sequence, Range rows) {
    kernels_->gather(numbers, width_, sequence, rows, copies_[0].panels.panels());
  }

  // Takes up `count` other rows for copies of their own, which threads make when they first ask for them.
  void begin_own(const Numbers& numbers, const RowSequence& sequence, int count) {
    numbers_ = numbers;
    sequence_ = sequence;
    count_ = count;
    for (Copy& copy : copies_) {
      copy.filled = false;
      if (copy.panels.size() == 0) copy.panels = PanelBuffer<T>(rows_, width_);
    }
  }
  Panels<const T> of(int thread) {
    Copy& copy = copies_[static_cast<size_t>(thread)];
    if (!copy.filled) kernels_->gather(numbers_, width_, sequence_, {0, count_}, copy.panels.panels());
    copy.filled = true;
    return constant(copy.panels.panels());
  }

 private:
  struct alignas(64) Copy {
    PanelBuffer<T> panels;  // (rows, width)
    bool filled = false;
  };

  const KernelTable<T>* kernels_ = nullptr;
  int rows_ = 0;
  int width_ = 0;
  std::vector<Copy> copies_;
  Numbers numbers_ = {};
  RowSequence sequence_ = {};
  int count_ = 0;
};

}  // namespace chainrule
