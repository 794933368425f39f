// The optimizer of one network: its state from one job to the next, and what happens to stored gradients.
#pragma once

#include <string>
#include <vector>

#include "layer.h"
#include "registry.h"

namespace chainrule {

template <typename T>
class Optimization {
 public:
  using Layers = std::vector<std::unique_ptr<Layer<T>>>;

  Optimization(const Layers& layers, const KernelTable<T>& kernels);

  // Starts anew at step 0 and where another kernel comes.
  void select(const OptimizerPlan& plan, int64_t step);
  // The scalars of update `step`.
  void prepare(int64_t step, double learning_rate);

  // Applies each gradient as it is made.
  Sink<T> sink() const { return Sink<T>::update(*kernel_, constants_); }
  void reserve_gradients();
  void add_penalty_gradients();
  // Of each layer's stored gradient, one number a layer.
  void write_norms(double* norms) const;
  void clip(const ClipPlan& plan);
  void apply(ThreadTeam& team);
  void end_update(ThreadTeam& team);
  double penalty() const;

 private:
  template <typename Visit>
  void for_gradients(Visit visit) const;
  double square_norm(const std::vector<Parameter<T>*>& parameters) const;

  const Layers& layers_;
  std::vector<std::vector<Parameter<T>*>> parameters_;  // of each layer
  const KernelTable<T>& kernels_;
  const OptimizerKernel<T>* kernel_ = nullptr;
  OptimizerPlan plan_;
  double state_[kMaxState] = {};
  T constants_[kMaxConstants] = {};
};

}  // namespace chainrule
