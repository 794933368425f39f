// Memory for vectors: aligned to a cache line, zero at first.
#pragma once

#include <stddef.h>
#include <string.h>

#include <new>

#include "large_pages.h"

namespace chainrule {

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(ptrdiff_t size) : size_(size) {
    if (fills_large_page(bytes())) {
      data_ = static_cast<T*>(map_large_pages(bytes()));
    } else {
      data_ = static_cast<T*>(::operator new(bytes(), kAlignment));
      clear();
    }
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
    if (!data_) return;
    if (fills_large_page(bytes())) {
      unmap_large_pages(data_, bytes());
    } else {
      ::operator delete(data_, kAlignment);
    }
  }

  void clear() {
    if (size_ > 0) memset(data_, 0, bytes());
  }
  T* data() const { return data_; }
  ptrdiff_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};

  size_t bytes() const { return static_cast<size_t>(size_) * sizeof(T); }

  T* data_ = nullptr;
  ptrdiff_t size_ = 0;
};

}  // namespace chainrule
