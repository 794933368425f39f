// One array of parameters, with what training keeps beside it. A vector is a matrix of one row.
#pragma once

#include "panel_buffer.h"
#include "split.h"
#include "thread_team.h"

namespace chainrule {

template <typename T>
class Parameter {
 public:
  Parameter(int rows, int columns, bool trainable = true)
      : rows_(rows), columns_(columns), trainable_(trainable), values_(rows, columns) {}

  int64_t size() const { return static_cast<int64_t>(rows_) * columns_; }
  bool trainable() const { return trainable_; }

  // (rows, columns) row-major.
  void set(const T* values) { copy_in(values, columns_, rows_, columns_, values_.panels()); }
  void get(T* values) const { copy_out(constant(values_.panels()), rows_, columns_, values, columns_); }
  void get_gradient(T* values) const { copy_out(constant(gradient_.panels()), rows_, columns_, values, columns_); }

  Panels<T> panels() const { return values_.panels(); }
  T* data() const { return values_.data(); }
  // With the padding of the last panel.
  ptrdiff_t padded_size() const { return values_.size(); }
  Panels<T> gradient_panels() const { return gradient_.panels(); }
  T* gradient() const { return gradient_.data(); }
  T* slot(int s) const { return slots_[s].data(); }

  // Room for the gradient as such, where it is not applied as it is made. What is not trained has one of zeros.
  void reserve_gradient() {
    if (!has_gradient_) gradient_ = PanelBuffer<T>(rows_, columns_);
    has_gradient_ = true;
  }

  // Optimizer state of that many slots, zero where `fresh` or not there before.
  void reserve_slots(int slots, bool fresh) {
    if (!trainable_) return;
    for (int s = 0; s < kMaxSlots; ++s) {
      if (s >= slots) {
        slots_[s] = {};
      } else if (slots_[s].size() == 0) {
        slots_[s] = PanelBuffer<T>(rows_, columns_);
      } else if (fresh) {
        slots_[s].clear();
      }
    }
  }

  // Applies the stored gradient.
  void update(ThreadTeam& team, const OptimizerKernel<T>& optimizer, const T* constants) {
    if (!trainable_) return;
    const ptrdiff_t panel = values_.panels().stride;
    for_range(team, padded_size() * kElementwiseCost, panels_of<T>(columns_), [&](Range range) {
      const ptrdiff_t first = panel * range.begin;
      T* slots[kMaxSlots];
      for (int s = 0; s < optimizer.slots; ++s) slots[s] = slot(s) + first;
      optimizer.update(data() + first, gradient() + first, slots, ptrdiff_t{rows_} * (range.end - range.begin),
                       kPanel<T>, constants);
    });
  }

 private:
  const int rows_;
  const int columns_;
  const bool trainable_;
  bool has_gradient_ = false;
  PanelBuffer<T> values_;
  PanelBuffer<T> gradient_;
  PanelBuffer<T> slots_[kMaxSlots];
};

}  // namespace chainrule
