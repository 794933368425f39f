// Matrices in panels to test kernels with.
#pragma once

#include <stdint.h>

#include <random>
#include <string>
#include <vector>

#include "../training/panel_buffer.h"

namespace chainrule {

// Whether it rounds a multiply-add once: all that do have the same bits.
inline bool fused(const InstructionSet& isa) { return std::string(isa.name) != "scalar"; }

template <typename T>
class RandomNumbers {
 public:
  explicit RandomNumbers(int seed) : random_(static_cast<uint64_t>(seed)) {}
  T operator()() { return static_cast<T>(static_cast<double>(random_() >> 11) * 0x1p-52 - 1); }

 private:
  std::mt19937_64 random_;
};

// (rows, columns) filled by `next`, padding with 0.
template <typename T, typename Next>
PanelBuffer<T> matrix(int rows, int columns, Next next) {
  PanelBuffer<T> buffer(rows, columns);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) buffer.panels().panel(c / kPanel<T>)[r * kPanel<T> + c % kPanel<T>] = next();
  }
  return buffer;
}
template <typename T>
T at(const PanelBuffer<T>& buffer, int row, int column) {
  return buffer.panels().panel(column / kPanel<T>)[row * kPanel<T> + column % kPanel<T>];
}
template <typename T>
std::vector<T> contents(const PanelBuffer<T>& buffer) {
  return {buffer.data(), buffer.data() + buffer.size()};
}

// Row-major, without padding.
template <typename T>
std::vector<T> values(const PanelBuffer<T>& buffer, int rows, int columns) {
  std::vector<T> result(static_cast<size_t>(rows) * static_cast<size_t>(columns));
  copy_out(constant(buffer.panels()), rows, columns, result.data(), columns);
  return result;
}

// Padding of a matrix that must have zeros there.
template <typename T>
bool padding_is_zero(const PanelBuffer<T>& buffer, int rows, int columns) {
  for (int c = columns; c < panels_of<T>(columns) * kPanel<T>; ++c) {
    for (int r = 0; r < rows; ++r) {
      if (at(buffer, r, c) != 0) return false;
    }
  }
  return true;
}

}  // namespace chainrule
