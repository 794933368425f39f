// Memory for vectors: aligned to a cache line, zero at first.
#pragma once

#include <stddef.h>
#include <string.h>

#include <new>

namespace chainrule {

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(ptrdiff_t size)
      : data_(static_cast<T*>(::operator new(static_cast<size_t>(size) * sizeof(T), kAlignment))), size_(size) {
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
    if (data_) ::operator delete(data_, kAlignment);
  }

  void clear() {
    if (size_ > 0) memset(data_, 0, static_cast<size_t>(size_) * sizeof(T));
  }
  T* data() const { return data_; }
  ptrdiff_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  T* data_ = nullptr;
  ptrdiff_t size_ = 0;
};

}  // namespace chainrule
