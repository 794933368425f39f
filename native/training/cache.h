// What the machine says of its caches.
#pragma once

#include <stdint.h>

#if defined(__linux__)
#include <unistd.h>
#endif

namespace chainrule {

// Bytes of a core's second-level cache; 0 where that is not known.
inline int64_t second_level_cache() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  static const int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes;
#else
  return 0;
#endif
}

}  // namespace chainrule
