// Memory for vectors, in large pages where it fills half of one.
#include "../training/buffer.h"

#include <doctest/doctest.h>
#include <stdint.h>

#include <algorithm>
#include <utility>

namespace chainrule {
namespace {

bool aligned(const void* address, uintptr_t bytes) { return reinterpret_cast<uintptr_t>(address) % bytes == 0; }

TEST_CASE("memory is zero, and begins with a line, or with a large page where it fills half of one and lasts") {
  constexpr ptrdiff_t kElements = kLargePage / sizeof(float);
  for (const Use use : {Use::kManyBatches, Use::kOneCall}) {
    for (const ptrdiff_t size :
         {ptrdiff_t{1}, kElements / 2 - 1, kElements / 2, kElements, 3 * kElements + 5, 4 * kElements - 5}) {
      Buffer<float> buffer(size, use);
      CHECK(buffer.size() == size);
      const bool large = use == Use::kManyBatches && earns_large_page(static_cast<size_t>(size) * sizeof(float));
      CHECK(aligned(buffer.data(), large ? kLargePage : 64));
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
}

#if defined(MADV_HUGEPAGE)
TEST_CASE("the last large page is mapped whole where half of it or more is used") {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  CHECK(mapped_bytes(kLargePage / 2) == kLargePage);
  CHECK(mapped_bytes(kLargePage) == kLargePage);
  CHECK(mapped_bytes(kLargePage + 1) == kLargePage + page);
  CHECK(mapped_bytes(kLargePage + kLargePage / 2 - 1) == kLargePage + kLargePage / 2);
  CHECK(mapped_bytes(kLargePage + kLargePage / 2) == 2 * kLargePage);
  CHECK(mapped_bytes(2 * kLargePage - 1) == 2 * kLargePage);
}
#endif

}  // namespace
}  // namespace chainrule
