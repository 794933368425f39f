// Philox4x32-10 against the known answers of its authors' library Random123, and the layout of dropout masks.

TEST_CASE("Philox gives the known answers") {
  const auto check = [](PhiloxBlock counter, uint32_t key0, uint32_t key1, PhiloxBlock want) {
    const PhiloxBlock got = philox(counter, key0, key1);
    for (int i = 0; i < 4; ++i) CHECK(got.word[i] == want.word[i]);
  };
  check({{0, 0, 0, 0}}, 0, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  check({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  check({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0,
        {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

template <typename T>
void check_dropout_rows() {
  constexpr uint32_t kRow = 5, kUpdate = 1'000'000, kLayer = 3, kSeed = 42;
  const DropoutFactors<T> factors = dropout_factors<T>(0.3);
  CHECK(factors.threshold == 1288490188);  // ⌊0.3 · 2³²⌋
  CHECK(factors.kept == static_cast<T>(1 / 0.7));
  for (const int first_column : {0, 4, 64}) {
    for (int columns = 0; columns <= 70; ++columns) {
      std::vector<T> mask(static_cast<size_t>(columns) + 1, T(-7));
      dropout_row(mask.data(), first_column, columns, factors, kRow, kUpdate, kLayer, kSeed);
      CHECK(mask.back() == T(-7));  // nothing is written beyond the row
      int wrong = 0;
      for (int c = 0; c < columns; ++c) {
        const uint32_t column = static_cast<uint32_t>(first_column + c);
        const PhiloxBlock random = philox({{column / 4, kRow, kUpdate, kLayer}}, kSeed, 0);
        wrong += mask[static_cast<size_t>(c)] != (random.word[column % 4] >= factors.threshold ? factors.kept : T(0));
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a dropout row takes its columns' words, whatever its length") {
  SUBCASE("float32") { check_dropout_rows<float>(); }
  SUBCASE("float64") { check_dropout_rows<double>(); }
}

TEST_CASE("dropout keeps the share it should") {
  constexpr int kColumns = 1'000'000;
  std::vector<float> mask(kColumns);
  for (const double rate : {0.0, 0.1, 0.5, 0.9}) {
    dropout_row(mask.data(), 0, kColumns, dropout_factors<float>(rate), 0, 0, 0, 1);
    int kept = 0;
    for (const float factor : mask) kept += factor != 0;
    // Five standard deviations of the binomial distribution.
    CHECK(std::fabs(kept - (1 - rate) * kColumns) <= 5 * std::sqrt(rate * (1 - rate) * kColumns));
  }
}
