// Gathering rows: every numeric type, widths and counts on both sides of lines, panels and rows that go together.
#include <doctest/doctest.h>

#include <vector>

#include "../isa/dispatch.h"
#include "../training/panel_buffer.h"
#include "instruction_sets.h"

namespace chainrule {
namespace {

constexpr int kSamples = 23;
// Some twice, and the last one: nothing behind order or samples may be read.
const std::vector<uint32_t> kOrder = {22, 3, 3, 0, 17, 9, 22, 14, 1, 20, 5};

template <typename T, typename Source>
void check_gather(ElementType type) {
  for (const InstructionSet* isa : tested_instruction_sets()) {
    for (const int width : {1, 3, 16, 17, 32, 33, 100, 1031}) {
      std::vector<Source> samples(static_cast<size_t>(kSamples * width));
      for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<Source>(i % 251 + 3);
      const auto check = [&](const RowSequence& sequence, Range rows) {
        PanelBuffer<T> gathered(static_cast<int>(sequence.end - sequence.first), width);
        table_of<T>(*isa).gather({samples.data(), type}, width, sequence, rows, gathered.panels());
        int wrong = 0;
        for (int r = 0; r < sequence.end - sequence.first; ++r) {
          for (int c = 0; c < width; ++c) {
            const T got = gathered.panels().panel(c / kPanel<T>)[r * kPanel<T> + c % kPanel<T>];
            const bool inside = r >= rows.begin && r < rows.end;
            const Source wanted = samples[static_cast<size_t>(sequence[r] * width + c)];
            wrong += got != (inside ? static_cast<T>(wanted) : T{0});
          }
        }
        INFO(doctest::String(isa->name) << ", width " << width << ", rows " << rows.begin << " to " << rows.end);
        CHECK(wrong == 0);
      };
      const int64_t count = static_cast<int64_t>(kOrder.size());
      check({kOrder.data(), 0, count}, {0, static_cast<int>(count)});
      check({kOrder.data(), 2, count}, {0, static_cast<int>(count) - 2});
      check({kOrder.data(), 0, count}, {3, 9});
      check({nullptr, 0, kSamples}, {0, kSamples});
      check({nullptr, 5, kSamples}, {1, kSamples - 5});
      check({nullptr, 5, kSamples}, {4, 4});
    }
  }
}

template <typename T>
void check_types() {
  check_gather<T, float>(ElementType::kFloat32);
  check_gather<T, double>(ElementType::kFloat64);
  check_gather<T, int8_t>(ElementType::kInt8);
  check_gather<T, uint8_t>(ElementType::kUint8);
  check_gather<T, int16_t>(ElementType::kInt16);
  check_gather<T, uint16_t>(ElementType::kUint16);
  check_gather<T, int32_t>(ElementType::kInt32);
  check_gather<T, uint32_t>(ElementType::kUint32);
}

TEST_CASE("rows of every numeric type are gathered as they are, and no others") {
  SUBCASE("float32") { check_types<float>(); }
  SUBCASE("float64") { check_types<double>(); }
}

}  // namespace
}  // namespace chainrule
