// The caller's memory, and which of its rows are read.
#pragma once

#include <stdint.h>

namespace chainrule {

enum class ElementType { kFloat32, kFloat64, kInt8, kUint8, kInt16, kUint16, kInt32, kUint32 };

constexpr int bytes_of(ElementType type) {
  constexpr int kBytes[] = {4, 8, 1, 1, 2, 2, 4, 4};
  return kBytes[static_cast<int>(type)];
}

// Of any numeric type, row-major.
struct Numbers {
  const void* data = nullptr;
  ElementType type = ElementType::kFloat32;
};

// Rows of the samples that one pass reads: order[first + r], or first + r where there is no order. Positions up to
// `end` may be looked at: those after the pass's own are what comes next.
struct RowSequence {
  const uint32_t* order;
  int64_t first;
  int64_t end;

  int64_t operator[](int64_t r) const { return order ? order[first + r] : first + r; }
  bool has(int64_t r) const { return first + r < end; }
  // From row `count` on.
  RowSequence after(int64_t count) const { return {order, first + count, end}; }
};

}  // namespace chainrule
