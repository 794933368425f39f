// Dropout masks from a counter-based generator: any element can be computed by itself, so the mask depends neither on
// threads nor on the order of rows. Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011. Plain loops over integers, which the compiler vectorises: the bits are those of every ISA.

struct PhiloxBlock {
  uint32_t word[4];
};

// Ten rounds; the key moves on between them by the golden ratio and √3 − 1.
inline PhiloxBlock philox(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  PhiloxBlock x = counter;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(x.word[0]) * 0xD2511F53u;
    const uint64_t product1 = static_cast<uint64_t>(x.word[2]) * 0xCD9E8D57u;
    x = {{static_cast<uint32_t>(product1 >> 32) ^ x.word[1] ^ key0, static_cast<uint32_t>(product1),
          static_cast<uint32_t>(product0 >> 32) ^ x.word[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return x;
}

// An element is kept, and multiplied by `kept`, where its random word is at least `threshold`.
template <typename T>
struct DropoutFactors {
  uint32_t threshold;  // ⌊rate · 2³²⌋
  T kept;              // 1 / (1 − rate)
};

// rate in [0, 1).
template <typename T>
inline DropoutFactors<T> dropout_factors(double rate) {
  return {static_cast<uint32_t>(rate * 0x1p32), static_cast<T>(1 / (1 - rate))};
}

// Factors 0 or `kept` for columns first_column … first_column + columns of one row; first_column is a multiple of 4.
// Column c takes word c % 4 of counter (c / 4, row, update, layer) under key (seed, 0).
template <typename T>
inline void dropout_row(T* mask, int first_column, int columns, DropoutFactors<T> factors, uint32_t row,
                        uint32_t update, uint32_t layer, uint32_t seed) {
  constexpr int kCounters = 8;  // at a time, all of them whatever is left, so that the loops are vectorised
  constexpr int kWords = 4 * kCounters;
  for (int start = 0; start < columns; start += kWords) {
    const uint32_t first_counter = static_cast<uint32_t>(first_column + start) / 4;
    uint32_t words[kWords];
    for (int i = 0; i < kCounters; ++i) {
      const PhiloxBlock random = philox({{first_counter + static_cast<uint32_t>(i), row, update, layer}}, seed, 0);
      for (int j = 0; j < 4; ++j) words[4 * i + j] = random.word[j];
    }
    T values[kWords];
    for (int i = 0; i < kWords; ++i) values[i] = words[i] >= factors.threshold ? factors.kept : T(0);
    const int count = columns - start < kWords ? columns - start : kWords;
    memcpy(mask + start, values, static_cast<size_t>(count) * sizeof(T));
  }
}
