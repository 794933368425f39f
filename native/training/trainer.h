// One network being trained: gather, forward, loss, backward, update.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "../kernels/kernels.h"
#include "plan.h"

namespace chainrule {

class Trainer {
 public:
  virtual ~Trainer() = default;

  // One array per dense layer's weights, (inputs, units) row-major, and one for its bias if it has one, in order.
  virtual std::vector<int64_t> parameter_sizes() const = 0;
  virtual void set_parameters(const std::vector<const void*>& arrays) = 0;
  virtual void get_parameters(const std::vector<void*>& arrays) const = 0;

  virtual TrainingReport train(const TrainingJob& job) = 0;
  virtual EvaluationReport evaluate(const EvaluationJob& job) = 0;
  virtual double gradients(const GradientJob& job) = 0;

  // From any thread: the running job ends after the batch it is at.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // Taken by whoever runs a job or touches parameters; false while somebody else has it.
  bool try_acquire() {
    bool idle = false;
    if (!busy_.compare_exchange_strong(idle, true, std::memory_order_acquire)) return false;
    cancelled_.store(false, std::memory_order_relaxed);
    return true;
  }
  void release() { busy_.store(false, std::memory_order_release); }

 protected:
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> busy_{false};
};

template <typename T>
std::unique_ptr<Trainer> make_trainer(const Plan& plan, const KernelTable<T>& kernels);

}  // namespace chainrule
