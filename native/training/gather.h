// The caller's rows, of any numeric type, into panels.
#pragma once

#include <algorithm>

#include "../kernels/kernels.h"
#include "plan.h"

namespace chainrule {

// Rows of the samples that one pass reads: order[first + r], or first + r where there is no order. Positions up to
// `end` may be looked at: those after the pass's own are what comes next.
struct RowSequence {
  const uint32_t* order;
  int64_t first;
  int64_t end;

  int64_t operator[](int64_t r) const { return order ? order[first + r] : first + r; }
  bool has(int64_t r) const { return first + r < end; }
};

// Into the second-level cache.
inline void prefetch([[maybe_unused]] const void* address) {
#if defined(__GNUC__)
  constexpr int kForReading = 0, kSecondLevel = 2;
  __builtin_prefetch(address, kForReading, kSecondLevel);
#endif
}

template <typename T, typename Source>
inline void convert(const Source* from, T* to, int count) {
  for (int i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
}

// Shuffled rows lie anywhere in memory: each is asked for while the rows before it are copied.
template <typename T, typename Source>
void gather_rows(const Source* source, int width, const RowSequence& sequence, Range rows, Panels<T> to) {
  constexpr int kP = kPanel<T>;
  constexpr int kLine = 64 / static_cast<int>(sizeof(Source));  // elements of a cache line
  // A core keeps some 16 to 48 lines under way, 1 to 3 KiB; twice that hides the latency of memory.
  constexpr int kAhead = 4096 / static_cast<int>(sizeof(Source));
  if (width <= std::min(kLine, kP)) {  // each takes a line of its own, or two
    constexpr int kRowsAhead = kAhead / kLine;
    for (int r = rows.begin; r < rows.end; ++r) {
      const Source* const coming = source + sequence[sequence.has(r + kRowsAhead) ? r + kRowsAhead : r] * width;
      prefetch(coming);
      prefetch(coming + width - 1);
      convert(source + sequence[r] * width, to.data + static_cast<ptrdiff_t>(r) * kP, width);
    }
    return;
  }
  const int ahead = (kAhead + width - 1) / width;
  for (int r = rows.begin; r < rows.end; ++r) {
    const Source* const row = source + sequence[r] * width;
    const Source* const coming = source + (sequence.has(r + ahead) ? sequence[r + ahead] : sequence[r]) * width;
    T* const out = to.data + static_cast<ptrdiff_t>(r) * kP;
    const int whole = width / kP * kP;
    for (int c = 0; c < whole; c += kP) {
      for (int line = 0; line < kP; line += kLine) prefetch(coming + c + line);
      convert(row + c, out + c / kP * to.stride, kP);
    }
    if (whole < width) {
      for (int c = whole; c < width; c += kLine) prefetch(coming + c);
      convert(row + whole, out + whole / kP * to.stride, width - whole);
    }
    prefetch(coming + width - 1);  // where rows do not begin with a line
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
