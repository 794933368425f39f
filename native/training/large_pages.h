// Memory in large pages, where the system has some. Each batch goes through all weights and moments, whose small pages
// are soon more than a processor keeps the addresses of.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace chainrule {

inline constexpr size_t kLargePage = 1 << 21;

#if defined(MADV_HUGEPAGE)

// Half a page is enough to be given a whole one.
inline bool earns_large_page(size_t bytes) { return bytes >= kLargePage / 2; }

// What is mapped for so many: the last large page is a whole one, too, unless it would be empty for the most part.
inline size_t mapped_bytes(size_t bytes) {
  const size_t page = earns_large_page(bytes % kLargePage) ? kLargePage : static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// Zeros, aligned to a large page. A mapping of its own: a heap would keep holes between blocks aligned like that.
inline void* map_large_pages(size_t bytes) {
  const size_t kept = mapped_bytes(bytes), spare = kLargePage - static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const mapping = mmap(nullptr, kept + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(mapping);
  const size_t head = (kLargePage - reinterpret_cast<uintptr_t>(begin) % kLargePage) % kLargePage;
  if (head > 0) munmap(begin, head);
  if (head < spare) munmap(begin + head + kept, spare - head);
  madvise(begin + head, kept, MADV_HUGEPAGE);
  return begin + head;
}
inline void unmap_large_pages(void* memory, size_t bytes) { munmap(memory, mapped_bytes(bytes)); }

#else

inline bool earns_large_page(size_t) { return false; }
inline void* map_large_pages(size_t) { throw std::bad_alloc(); }
inline void unmap_large_pages(void*, size_t) {}

#endif

}  // namespace chainrule
