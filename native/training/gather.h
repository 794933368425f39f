// The caller's rows, of any numeric type, into panels.
#pragma once

#include "../kernels/kernels.h"
#include "plan.h"

namespace chainrule {

// Rows of the samples that one pass reads: order[first + r], or first + r where there is no order.
struct RowSequence {
  const uint32_t* order;
  int64_t first;

  int64_t operator[](int64_t r) const { return order ? order[first + r] : first + r; }
};

template <typename T, typename Source>
void gather_rows(const Source* source, int width, const RowSequence& sequence, Range rows, Panels<T> to) {
  constexpr int kP = kPanel<T>;
  for (int r = rows.begin; r < rows.end; ++r) {
    const Source* const row = source + sequence[r] * width;
    for (int p = 0; p * kP < width; ++p) {
      T* const out = to.panel(p) + static_cast<ptrdiff_t>(r) * kP;
      const int columns = width - p * kP < kP ? width - p * kP : kP;
      for (int c = 0; c < columns; ++c) out[c] = static_cast<T>(row[p * kP + c]);
    }
  }
}

// Copies rows into panels, converting to the network's dtype on the way.
template <typename T>
void gather(const Numbers& numbers, int width, const RowSequence& sequence, Range rows, Panels<T> to) {
  const auto from = [&](auto tag) {
    gather_rows(static_cast<const decltype(tag)*>(numbers.data), width, sequence, rows, to);
  };
  switch (numbers.type) {
    case ElementType::kFloat32:
      return from(float{});
    case ElementType::kFloat64:
      return from(double{});
    case ElementType::kInt8:
      return from(int8_t{});
    case ElementType::kUint8:
      return from(uint8_t{});
    case ElementType::kInt16:
      return from(int16_t{});
    case ElementType::kUint16:
      return from(uint16_t{});
    case ElementType::kInt32:
      return from(int32_t{});
    case ElementType::kUint32:
      return from(uint32_t{});
  }
}

}  // namespace chainrule
