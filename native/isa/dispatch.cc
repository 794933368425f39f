#include "dispatch.h"

#include <stdint.h>

#include "isa.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace chainrule {
namespace {

struct Candidate {
  const InstructionSet* isa;
  bool (*runs_here)();
};

bool always() { return true; }

#if defined(__x86_64__) || defined(_M_X64)

struct Registers {
  uint32_t eax, ebx, ecx, edx;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r = {0, 0, 0, 0};
#if defined(_MSC_VER)
  int values[4];
  __cpuidex(values, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(values[0]), static_cast<uint32_t>(values[1]), static_cast<uint32_t>(values[2]),
       static_cast<uint32_t>(values[3])};
#else
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

// Register state that the operating system saves: XCR0. Only meaningful where cpuid says OSXSAVE.
uint64_t enabled_state() {
  if (!(cpuid(1, 0).ecx & (1u << 27))) return 0;
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

bool has(uint32_t bits, uint32_t wanted) { return (bits & wanted) == wanted; }

bool runs_avx2() {
  constexpr uint64_t kXmmYmm = 0x6;
  constexpr uint32_t kFmaAvx = (1u << 12) | (1u << 28);
  constexpr uint32_t kAvx2 = 1u << 5;
  return (enabled_state() & kXmmYmm) == kXmmYmm && has(cpuid(1, 0).ecx, kFmaAvx) && has(cpuid(7, 0).ebx, kAvx2);
}

bool runs_avx512() {
  constexpr uint64_t kXmmYmmZmmOpmask = 0xe6;
  constexpr uint32_t kFoundationDqBwVl = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
  return runs_avx2() && (enabled_state() & kXmmYmmZmmOpmask) == kXmmYmmZmmOpmask &&
         has(cpuid(7, 0).ebx, kFoundationDqBwVl);
}

constexpr Candidate kCandidates[] = {{&kAvx512, runs_avx512}, {&kAvx2, runs_avx2}, {&kScalar, always}};

#elif defined(__aarch64__) || defined(_M_ARM64)

constexpr Candidate kCandidates[] = {{&kNeon, always}, {&kScalar, always}};  // NEON is part of AArch64

#else

constexpr Candidate kCandidates[] = {{&kScalar, always}};

#endif

}  // namespace

const std::vector<const InstructionSet*>& supported_instruction_sets() {
  static const std::vector<const InstructionSet*> supported = [] {
    std::vector<const InstructionSet*> found;
    for (const Candidate& candidate : kCandidates) {
      if (candidate.runs_here()) found.push_back(candidate.isa);
    }
    return found;
  }();
  return supported;
}

const InstructionSet* find_instruction_set(std::string_view name) {
  for (const InstructionSet* isa : supported_instruction_sets()) {
    if (name.empty() || name == isa->name) return isa;
  }
  return nullptr;
}

}  // namespace chainrule
