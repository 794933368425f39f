// One network being trained: gather, forward, loss, backward, update.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "../kernels/kernels.h"
#include "plan.h"
#include "thread_team.h"

namespace chainrule {

class Trainer {
 public:
  virtual ~Trainer() = default;

  // Layer by layer: dense: weights, (inputs, units) row-major, and bias if there is one; batch normalization: gamma,
  // beta, moving mean, moving variance; layer normalization: gamma, beta.
  virtual std::vector<int64_t> parameter_sizes() const = 0;
  virtual void set_parameters(const std::vector<const void*>& arrays) = 0;
  virtual void get_parameters(const std::vector<void*>& arrays) const = 0;

  // A job runs on the calling thread and those of its team, which has as many as the plan says.
  virtual TrainingReport train(const TrainingJob& job, ThreadTeam& team) = 0;
  virtual EvaluationReport evaluate(const EvaluationJob& job, ThreadTeam& team) = 0;
  // The loss, penalty included.
  virtual double gradients(const GradientJob& job, ThreadTeam& team) = 0;
  virtual void forward(const ForwardJob& job, ThreadTeam& team) = 0;
  // Rows of the last forward job, whose activations are still there; 0 after any other job.
  virtual int64_t forward_rows() const = 0;
  virtual void backward(const BackwardJob& job, ThreadTeam& team) = 0;
  virtual void apply_gradients(const ApplyJob& job, ThreadTeam& team) = 0;
  // The first layer with a number that is not finite, among gradients the last one; -1 for none.
  virtual int find_not_finite(Among among) const = 0;

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
