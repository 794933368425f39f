// Memory for vectors: aligned to a cache line, zero at first.
#pragma once

#include <stddef.h>
#include <string.h>

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chainrule {

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(ptrdiff_t size)
      : data_(static_cast<T*>(::operator new(bytes_of(size), alignment_of(size)))), size_(size) {
    advise();
    clear();
  }
  Buffer(Buffer&& other) noexcept : data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer old(static_cast<Buffer&&>(*this));
    data_ = other.data_;
    size_ = other.size_;
    other.data_ = nullptr;
    other.size_ = 0;
    return *this;
  }
  ~Buffer() {
    if (data_) ::operator delete(data_, alignment_of(size_));
  }

  void clear() {
    if (size_ > 0) memset(data_, 0, bytes_of(size_));
  }
  T* data() const { return data_; }
  ptrdiff_t size() const { return size_; }

 private:
  static constexpr size_t kLine = 64, kLargePage = 1 << 21;

  static size_t bytes_of(ptrdiff_t size) { return static_cast<size_t>(size) * sizeof(T); }
  static std::align_val_t alignment_of(ptrdiff_t size) {
    return std::align_val_t{bytes_of(size) < kLargePage ? kLine : kLargePage};
  }

  // Each batch goes through all weights and moments, whose small pages are soon more than a processor keeps the
  // addresses of. The system is asked for large ones before the first access; where it has none, nothing changes.
  void advise() const {
#if defined(MADV_HUGEPAGE)
    if (bytes_of(size_) >= kLargePage) madvise(data_, bytes_of(size_), MADV_HUGEPAGE);
#endif
  }

  T* data_ = nullptr;
  ptrdiff_t size_ = 0;
};

}  // namespace chainrule
