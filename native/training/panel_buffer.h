// Matrices in panels: their memory, and the way between them and row-major arrays.
#pragma once

#include <string.h>

#include <type_traits>

#include "../kernels/kernels.h"
#include "buffer.h"

namespace chainrule {

// A matrix in panels with room for `rows` rows.
template <typename T>
class PanelBuffer {
 public:
  PanelBuffer() = default;
  PanelBuffer(int rows, int columns, Use use = Use::kManyBatches)
      : stride_(static_cast<ptrdiff_t>(rows) * kPanel<T>), memory_(stride_ * panels_of<T>(columns), use) {}

  Panels<T> panels() const { return {memory_.data(), stride_}; }
  T* data() const { return memory_.data(); }
  ptrdiff_t size() const { return memory_.size(); }
  void clear() { memory_.clear(); }

 private:
  ptrdiff_t stride_ = 0;
  Buffer<T> memory_;
};

template <typename T>
Panels<const T> constant(Panels<T> panels) {
  return {panels.data, panels.stride};
}

// Calls visit(panel element, row-major element, count) for each run of columns that is contiguous in both.
template <typename T, typename U, typename Visit>
void for_runs(Panels<T> panels, U* values, ptrdiff_t leading, int rows, int columns, Visit visit) {
  constexpr int kP = kPanel<std::remove_const_t<T>>;
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; c += kP) {
      visit(panels.data + (c / kP) * panels.stride + static_cast<ptrdiff_t>(r) * kP, values + r * leading + c,
            columns - c < kP ? columns - c : kP);
    }
  }
}

// (rows, columns) row-major, `leading` elements from one row to the next.
template <typename T>
void copy_in(const T* values, ptrdiff_t leading, int rows, int columns, Panels<T> panels) {
  for_runs(panels, values, leading, rows, columns,
           [](T* to, const T* from, int count) { memcpy(to, from, static_cast<size_t>(count) * sizeof(T)); });
}
template <typename T>
void copy_out(Panels<const T> panels, int rows, int columns, T* values, ptrdiff_t leading) {
  for_runs(panels, values, leading, rows, columns,
           [](const T* from, T* to, int count) { memcpy(to, from, static_cast<size_t>(count) * sizeof(T)); });
}

}  // namespace chainrule
