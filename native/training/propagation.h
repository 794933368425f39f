// Forward and backward through the layers: rows are gathered into panels, and go through in passes.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cache.h"
#include "input_rows.h"
#include "layer.h"
#include "registry.h"

namespace chainrule {

// The loss kernel with its scalars in the trainer's dtype.
template <typename T>
struct Loss {
  Loss(const LossPlan& plan, const KernelTable<T>& kernels)
      : kernel(find_loss(kernels, plan)),
        on_pre_activation(plan.on_pre_activation),
        scale(plan.scale),
        mean(plan.mean) {
    copy_parameters(plan.parameters, parameters);
  }

  const LossKernel<T>* kernel;
  T parameters[kMaxParameters] = {};
  bool on_pre_activation;
  double scale;
  bool mean;
};

// Rows whose mean loss is differentiated as one, and how they go through the layers.
struct Batch {
  const Samples& samples;
  RowSequence rows;
  int64_t size;
  int64_t pass_rows;  // at most so many together; 0: as many as suit
  uint32_t update;
  bool training;
};

template <typename T>
class Propagation {
 public:
  Propagation(const Plan& plan, const KernelTable<T>& kernels);

  const Plan& plan() const { return plan_; }
  const KernelTable<T>& kernels() const { return kernels_; }
  const std::vector<std::unique_ptr<Layer<T>>>& layers() const { return layers_; }
  const std::vector<Parameter<T>*>& parameters() const { return parameters_; }

  // Null: outputs alone are wanted.
  void select_loss(const LossPlan* plan);
  // Makes room for passes of that many rows, and for ∂L/∂x.
  void reserve(int64_t rows, bool input_gradient);

  // Rows of the batch's passes, the last of which may have fewer. A batch with more rows than suit the caches goes
  // through in parts, its gradients summed on in the same chains, which cannot be seen in the result; only statistics
  // over the batch need all of its rows at once.
  int64_t rows_per_pass(const Batch& batch) const;
  // Throws unless every row is one of the samples and every class one of the outputs: memory safety.
  void check(const Batch& batch) const;
  // What the batch's loss is divided by: Σ wᵢ or 1.
  double divisor(const Batch& batch) const;
  // Before passes back to a sink that updates: its optimizer and where the constants of each update will be.
  void begin_updates(const Sink<T>& sink) {
    for (auto& layer : layers_) layer->begin_updates(sink);
  }
  void begin_batch() {
    for (auto& layer : layers_) layer->begin_batch();
  }
  // Calls visit(pass, rows) for one pass after the other while it returns true.
  template <typename Visit>
  void for_passes(const Batch& batch, ThreadTeam& team, Visit visit) {
    begin_batch();
    const int64_t most = rows_per_pass(batch);
    for (int64_t first = 0; first < batch.size; first += most) {
      const int64_t rows = most < batch.size - first ? most : batch.size - first;
      if (!visit(pass_of(batch, team, first, rows),
                 RowSequence{batch.rows.order, batch.rows.first + first, batch.rows.end}))
        return;
    }
  }
  // All rows of the batch in one pass.
  Pass<T> whole(const Batch& batch, ThreadTeam& team) const { return pass_of(batch, team, 0, batch.size); }

  // Samples have to stay until the way back, if there is one, unless it is said that they will not.
  void forward(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, bool samples_stay = true);
  // The same for rows that will not go back: writes their outputs, (rows, outputs) row-major, unless `outputs` is null,
  // and adds wᵢ·scale·lᵢ to `sum`, row by row, if there is a loss. What the layers make does not stay.
  void evaluate(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, T* outputs, double& sum);
  // forward(), and the way back of the loss, divided by `divisor`, as far as each row goes it by itself; backward() is
  // the rest of it.
  void forward_and_back(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, double divisor,
                        double& sum, bool input_gradient);
  void backward(const Pass<T>& pass, const Sink<T>& sink, bool input_gradient);
  // All the way back from a gradient given, (rows, outputs) row-major.
  void backward_from(const Pass<T>& pass, const T* output_gradient, const Sink<T>& sink, bool input_gradient);

  // The first layer whose output of the last forward pass has a number that is not finite; of the last layer the
  // pre-activation is looked at, which is there whatever the loss reads. -1 for none.
  int first_not_finite_output() const;

  // (rows, outputs) and (rows, inputs), row-major.
  void write_outputs(const Pass<T>& pass, T* to);
  void write_input_gradient(const Pass<T>& pass, T* to) const;

 private:
  // What depends on the pass's size, kind and team alone, which seldom change.
  void prepare(const Pass<T>& pass, bool samples_stay);
  // Up to the upper layers.
  void begin_forward(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, bool samples_stay);
  // Calls visit(part) for parts of the pass that are not large, multiples of `unit` rows, on the team's threads; for
  // all of it where no layer had better go by rows. On the way back a unit is a panel, which the rows of a transposed
  // gradient lie in. Where what is made of the rows stays, they lie in the buffers as they do in the pass; else parts
  // may lie where those before did, in the thread's L2.
  template <typename Visit>
  void by_rows(const Pass<T>& pass, int unit, bool stays, Visit visit);
  // For parts.
  void forward_upper(const Pass<T>& part, const Samples& samples, const RowSequence& rows);
  void find_losses(const Pass<T>& part, const Samples& samples, const RowSequence& rows, double divisor);
  void backward_upper(const Pass<T>& part, bool input_gradient);

  void back_through(size_t layer, const Pass<T>& pass, const Sink<T>& sink, bool input_gradient);
  double weight_of(const Samples& samples, int64_t row) const { return samples.weights ? samples.weights[row] : 1.0; }
  double sum_of_losses(const Pass<T>& pass, const Samples& samples, const RowSequence& rows,
                       const std::vector<double>& row_losses, double sum) const;

  Pass<T> pass_of(const Batch& batch, ThreadTeam& team, int64_t first, int64_t rows) const {
    return {.kernels = kernels_,
            .team = team,
            .rows = static_cast<int>(rows),
            .training = batch.training,
            .first_row = static_cast<uint32_t>(first),
            .update = batch.update,
            .seed = plan_.seed,
            .upcoming = rows_after(batch, first + rows, rows)};
  }

  // Rows in sequence need no help, nor do those of samples that stay in a cache, nor short ones: tiles would ask for
  // each of their lines several times, and gathering asks for the rows ahead by itself. A small cache has no room for
  // them beside what the tiles read.
  UpcomingRows rows_after(const Batch& batch, int64_t first, int64_t most) const {
    constexpr int64_t kCached = 1 << 20, kShort = 1 << 10, kRoom = 1 << 21;
    const Numbers& x = batch.samples.x;
    const int64_t row_bytes = int64_t{plan_.inputs} * bytes_of(x.type);
    if (!batch.rows.order || row_bytes < kShort || batch.samples.rows * row_bytes <= kCached ||
        second_level_cache() < kRoom) {
      return {};
    }
    const int64_t from = batch.rows.first + first;
    return {.data = static_cast<const char*>(x.data),
            .row_bytes = row_bytes,
            .order = batch.rows.order + from,
            .count = static_cast<int>(std::min(most, batch.rows.end - from))};
  }

  const KernelTable<T>& kernels_;
  const Plan plan_;
  std::vector<std::unique_ptr<Layer<T>>> layers_;
  std::vector<Parameter<T>*> parameters_;
  size_t lowest_trainable_ = 0;     // no gradient is needed below it
  bool needs_whole_batch_ = false;  // batch statistics
  std::optional<Loss<T>> loss_;

  // What the last pass was prepared for: rows_ is 0 before the first.
  int rows_ = 0;
  int threads_ = 0;
  bool training_ = false;
  bool samples_stay_ = false;
  bool own_input_ = false;     // each thread gathers the rows for itself
  size_t upper_ = 0;           // the layers that rows had better go through in parts, each on one thread, begin here
  int64_t upper_work_ = 0;     // forward and back
  int64_t gradient_work_ = 0;  // of all parameters

  int reserved_ = 0;
  InputRows<T> input_;             // (rows, inputs)
  PanelBuffer<T> input_gradient_;  // (rows, inputs), where asked for
  PanelBuffer<T> target_;          // (rows, outputs)
  std::vector<int32_t> classes_;   // (rows)
  std::vector<T> row_scale_;       // (rows)
  std::vector<double> row_loss_;   // (rows)
  std::vector<double> evaluated_;  // (rows), the same in the order of a pass whose rows do not stay
};

}  // namespace chainrule
