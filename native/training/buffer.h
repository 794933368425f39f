// Memory for vectors: aligned to a cache line, zero at first.
#pragma once

#include <stddef.h>
#include <string.h>

#include <new>

#include "large_pages.h"

namespace chainrule {

// How long memory will be in use. Large pages take the system long to clear, which pays where many batches go through
// them.
enum class Use { kManyBatches, kOneCall };

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(ptrdiff_t size, Use use = Use::kManyBatches) : size_(size) {
    in_large_pages_ = use == Use::kManyBatches && earns_large_page(bytes());
    if (in_large_pages_) {
      data_ = static_cast<T*>(map_large_pages(bytes()));
    } else {
      data_ = static_cast<T*>(::operator new(bytes(), kAlignment));
      clear();
    }
  }
  Buffer(Buffer&& other) noexcept : data_(other.data_), size_(other.size_), in_large_pages_(other.in_large_pages_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer old(static_cast<Buffer&&>(*this));
    data_ = other.data_;
    size_ = other.size_;
    in_large_pages_ = other.in_large_pages_;
    other.data_ = nullptr;
    other.size_ = 0;
    return *this;
  }
  ~Buffer() {
    if (!data_) return;
    if (in_large_pages_) {
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
  bool in_large_pages_ = false;
};

}  // namespace chainrule
