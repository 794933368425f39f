// Memory for vectors, in large pages where it fills one.
#include "../training/buffer.h"

#include <doctest/doctest.h>
#include <stdint.h>

#include <algorithm>
#include <utility>

namespace chainrule {
namespace {

bool aligned(const void* address, uintptr_t bytes) { return reinterpret_cast<uintptr_t>(address) % bytes == 0; }

TEST_CASE("memory is zero, and begins with a line, or with a large page where it fills one") {
  constexpr ptrdiff_t kElements = kLargePage / sizeof(float);
  for (const ptrdiff_t size : {ptrdiff_t{1}, kElements - 1, kElements, 3 * kElements + 5}) {
    Buffer<float> buffer(size);
    CHECK(buffer.size() == size);
    CHECK(aligned(buffer.data(), fills_large_page(static_cast<size_t>(size) * sizeof(float)) ? kLargePage : 64));
    CHECK(std::all_of(buffer.data(), buffer.data() + size, [](float x) { return x == 0; }));

    // Either kind goes back to where it came from.
    std::fill_n(buffer.data(), size, 1.0f);
    Buffer<float> other(2 * kElements);
    other = std::move(buffer);
    CHECK(other.size() == size);
    CHECK(other.data()[size - 1] == 1);
    other.clear();
    CHECK(other.data()[size - 1] == 0);
  }
}

}  // namespace
}  // namespace chainrule
