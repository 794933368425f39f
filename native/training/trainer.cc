#include "trainer.h"

#include <math.h>

#include <algorithm>
#include <stdexcept>

#include "collapse.h"
#include "optimization.h"
#include "propagation.h"
#include "step_team.h"

namespace chainrule {
namespace {

template <typename T>
class TrainerOf final : public Trainer {
 public:
  TrainerOf(const Plan& plan, const KernelTable<T>& kernels)
      : propagation_(plan, kernels), optimization_(propagation_.layers(), kernels) {}

  std::vector<int64_t> parameter_sizes() const override;
  void set_parameters(const std::vector<const void*>& arrays) override;
  void get_parameters(const std::vector<void*>& arrays) const override;

  TrainingReport train(const TrainingJob& job, ThreadTeam& team) override;
  EvaluationReport evaluate(const EvaluationJob& job, ThreadTeam& team) override;
  double gradients(const GradientJob& job, ThreadTeam& team) override;
  void forward(const ForwardJob& job, ThreadTeam& team) override;
  int64_t forward_rows() const override { return held_.rows; }
  void backward(const BackwardJob& job, ThreadTeam& team) override;
  void apply_gradients(const ApplyJob& job, ThreadTeam& team) override;
  int find_not_finite(Among among) const override;

 private:
  // The forward pass that a backward job goes back through.
  struct Held {
    int64_t rows = 0;
    bool training = false;
    uint32_t update = 0;
  };

  // What an update does beside the plain step, which is why gradients have to be there as such.
  struct Extras {
    const ClipPlan& clip;
    double* norms;
  };

  // The batch's loss and its update, which is left out where the loss is not finite or the job is cancelled on the way.
  double step(const Batch& batch, ThreadTeam& team, const Extras& extras, T* outputs);
  void update_from_gradients(ThreadTeam& team, const Extras& extras);

  Propagation<T> propagation_;
  Optimization<T> optimization_;
  Collapse collapse_x_, collapse_y_;  // of the last training job
  StepTeam training_steps_, evaluation_steps_;
  Held held_;
  bool has_gradients_ = false;  // of the last backward job
};

template <typename T>
std::vector<int64_t> TrainerOf<T>::parameter_sizes() const {
  std::vector<int64_t> sizes;
  for (const Parameter<T>* parameter : propagation_.parameters()) sizes.push_back(parameter->size());
  return sizes;
}

template <typename T>
void TrainerOf<T>::set_parameters(const std::vector<const void*>& arrays) {
  auto array = arrays.begin();
  for (Parameter<T>* parameter : propagation_.parameters()) parameter->set(static_cast<const T*>(*array++));
}

template <typename T>
void TrainerOf<T>::get_parameters(const std::vector<void*>& arrays) const {
  auto array = arrays.begin();
  for (const Parameter<T>* parameter : propagation_.parameters()) parameter->get(static_cast<T*>(*array++));
}

template <typename T>
void TrainerOf<T>::update_from_gradients(ThreadTeam& team, const Extras& extras) {
  if (extras.norms) optimization_.write_norms(extras.norms);
  optimization_.clip(extras.clip);
  optimization_.apply(team);
}

template <typename T>
double TrainerOf<T>::step(const Batch& batch, ThreadTeam& team, const Extras& extras, T* outputs) {
  const bool parts = propagation_.rows_per_pass(batch) < batch.size;
  const bool stored = parts || extras.norms || extras.clip.norm > 0 || extras.clip.value > 0;
  if (stored) optimization_.reserve_gradients();
  propagation_.check(batch);
  const double by = propagation_.divisor(batch);
  double sum = 0;
  propagation_.for_passes(batch, team, [&](const Pass<T>& pass, const RowSequence& rows) {
    propagation_.forward_and_back(pass, batch.samples, rows, by, sum, false);
    if (outputs) {
      propagation_.write_outputs(pass, outputs + static_cast<ptrdiff_t>(pass.first_row) * propagation_.plan().outputs);
    }
    if (!isfinite(sum)) return false;
    propagation_.backward(pass, stored ? Sink<T>::part(pass.first_row == 0) : optimization_.sink(), false);
    return !(parts && cancelled());
  });
  if (!isfinite(sum) || (parts && cancelled())) return sum / by;
  if (stored) {
    optimization_.add_penalty_gradients();
    update_from_gradients(team, extras);
  }
  optimization_.end_update(team);
  return sum / by;
}

template <typename T>
TrainingReport TrainerOf<T>::train(const TrainingJob& job, ThreadTeam& team) {
  const FlushDenormals flush;
  held_ = {};
  has_gradients_ = false;
  propagation_.select_loss(&job.loss);
  optimization_.select(job.optimizer, job.optimizer_step);
  propagation_.begin_updates(optimization_.sink());
  const int outputs = propagation_.plan().outputs;
  const auto begin_collapse = [&](Collapse& collapse, const Numbers& numbers, int width) {
    const int64_t rows = job.samples.rows;
    collapse.begin(numbers.data, static_cast<size_t>(rows * width * bytes_of(numbers.type)), rows);
  };
  begin_collapse(collapse_x_, job.samples.x, propagation_.plan().inputs);
  begin_collapse(collapse_y_, job.samples.y, outputs);

  StepTeam::Job steps(training_steps_, team, job.batch_size);
  int64_t update = 0;
  int64_t epoch_left = job.epoch_rows;
  for (int64_t first = 0; first < job.order_length; ++update) {
    if (cancelled()) return {update, Ended::kCancelled};
    const Batch batch = {.samples = job.samples,
                         .rows = {job.order, first, job.order_length},
                         .size = std::min({job.batch_size, epoch_left, job.order_length - first}),
                         .pass_rows = job.pass_rows,
                         .update = static_cast<uint32_t>(job.first_update + update),
                         .training = true};
    if (!collapse_x_.advance(batch.size)) collapse_y_.advance(batch.size);  // one after the other: a quarter in all
    propagation_.reserve(propagation_.rows_per_pass(batch), false);
    optimization_.prepare(job.optimizer_step + update, job.learning_rates[job.learning_rate_count == 1 ? 0 : update]);
    if (job.penalties) job.penalties[update] = optimization_.penalty();
    double* const norms =
        job.gradient_norms ? job.gradient_norms + update * static_cast<int64_t>(propagation_.layers().size()) : nullptr;
    T* const rows = job.outputs ? static_cast<T*>(job.outputs) + first * outputs : nullptr;
    job.losses[update] = step(batch, steps.team(), {job.clip, norms}, rows);
    if (!isfinite(job.losses[update])) return {update, Ended::kNotFinite};
    if (cancelled() && propagation_.rows_per_pass(batch) < batch.size) return {update, Ended::kCancelled};
    first += batch.size;
    epoch_left -= batch.size;
    if (epoch_left == 0) epoch_left = job.epoch_rows;
  }
  return {update, Ended::kComplete};
}

template <typename T>
EvaluationReport TrainerOf<T>::evaluate(const EvaluationJob& job, ThreadTeam& team) {
  const FlushDenormals flush;
  held_ = {};
  propagation_.select_loss(job.has_loss ? &job.loss : nullptr);
  const double penalty = optimization_.penalty();
  const int outputs = propagation_.plan().outputs;
  StepTeam::Job steps(evaluation_steps_, team, std::min(job.batch_size, job.rows));
  double sum = 0;
  for (int64_t first = 0; first < job.rows; first += job.batch_size) {
    if (cancelled()) return {sum, penalty, Ended::kCancelled};
    const Batch batch = {.samples = job.samples,
                         .rows = {nullptr, job.from + first, job.from + job.rows},
                         .size = std::min(job.batch_size, job.rows - first),
                         .pass_rows = 0,
                         .update = 0,
                         .training = false};
    propagation_.check(batch);
    propagation_.reserve(propagation_.rows_per_pass(batch), false);
    propagation_.for_passes(batch, steps.team(), [&](const Pass<T>& pass, const RowSequence& rows) {
      T* const to = job.outputs ? static_cast<T*>(job.outputs) + (first + pass.first_row) * outputs : nullptr;
      propagation_.evaluate(pass, job.samples, rows, to, sum);
      return true;
    });
  }
  return {sum, penalty, Ended::kComplete};
}

template <typename T>
double TrainerOf<T>::gradients(const GradientJob& job, ThreadTeam& team) {
  const FlushDenormals flush;
  held_ = {};
  has_gradients_ = false;
  propagation_.select_loss(&job.loss);
  optimization_.reserve_gradients();
  const Batch batch = {.samples = job.samples,
                       .rows = {nullptr, 0, job.rows},
                       .size = job.rows,
                       .pass_rows = 0,
                       .update = static_cast<uint32_t>(job.first_update),
                       .training = true};
  propagation_.check(batch);
  propagation_.reserve(propagation_.rows_per_pass(batch), job.input_gradient != nullptr);
  const double by = propagation_.divisor(batch);
  double sum = 0;
  propagation_.for_passes(batch, team, [&](const Pass<T>& pass, const RowSequence& rows) {
    propagation_.forward_and_back(pass, job.samples, rows, by, sum, job.input_gradient != nullptr);
    propagation_.backward(pass, Sink<T>::part(pass.first_row == 0), job.input_gradient != nullptr);
    if (job.input_gradient) {
      propagation_.write_input_gradient(pass, static_cast<T*>(job.input_gradient) +
                                                  static_cast<ptrdiff_t>(pass.first_row) * propagation_.plan().inputs);
    }
    return isfinite(sum) != 0;
  });
  optimization_.add_penalty_gradients();
  auto array = job.gradients.begin();
  for (const Parameter<T>* parameter : propagation_.parameters()) parameter->get_gradient(static_cast<T*>(*array++));
  return sum / by + optimization_.penalty();
}

template <typename T>
void TrainerOf<T>::forward(const ForwardJob& job, ThreadTeam& team) {
  const FlushDenormals flush;
  held_ = {};
  propagation_.select_loss(nullptr);
  // The rows stay for the way back, so they go through in one pass.
  const Batch batch = {.samples = job.samples,
                       .rows = {nullptr, 0, job.rows},
                       .size = job.rows,
                       .pass_rows = 0,
                       .update = static_cast<uint32_t>(job.update),
                       .training = job.training};
  propagation_.check(batch);
  propagation_.reserve(job.rows, false);
  propagation_.begin_batch();
  const Pass<T> pass = propagation_.whole(batch, team);
  propagation_.forward(pass, job.samples, batch.rows, false);
  propagation_.write_outputs(pass, static_cast<T*>(job.outputs));
  held_ = {job.rows, job.training, batch.update};
}

template <typename T>
void TrainerOf<T>::backward(const BackwardJob& job, ThreadTeam& team) {
  const FlushDenormals flush;
  const Samples none;
  const Batch batch = {.samples = none,
                       .rows = {nullptr, 0, held_.rows},
                       .size = held_.rows,
                       .pass_rows = 0,
                       .update = held_.update,
                       .training = held_.training};
  if (job.parameters) optimization_.reserve_gradients();
  propagation_.reserve(held_.rows, job.input_gradient != nullptr);
  const Pass<T> pass = propagation_.whole(batch, team);
  propagation_.backward_from(pass, static_cast<const T*>(job.output_gradient),
                             job.parameters ? Sink<T>::part(true) : Sink<T>::none(), job.input_gradient != nullptr);
  if (job.input_gradient) propagation_.write_input_gradient(pass, static_cast<T*>(job.input_gradient));
  if (!job.parameters) return;
  optimization_.add_penalty_gradients();
  has_gradients_ = true;
}

template <typename T>
void TrainerOf<T>::apply_gradients(const ApplyJob& job, ThreadTeam& team) {
  const FlushDenormals flush;
  if (!has_gradients_) throw std::invalid_argument("expected a pass back before gradients are applied, got none");
  optimization_.select(job.optimizer, job.optimizer_step);
  optimization_.prepare(job.optimizer_step, job.learning_rate);
  update_from_gradients(team, {job.clip, nullptr});
  optimization_.end_update(team);
}

template <typename T>
int TrainerOf<T>::find_not_finite(Among among) const {
  if (among == Among::kOutputs) return propagation_.first_not_finite_output();
  const int count = static_cast<int>(propagation_.layers().size());
  for (int i = 0; i < count; ++i) {
    const int layer = among == Among::kGradients ? count - 1 - i : i;
    for (const Parameter<T>* parameter : propagation_.layers()[static_cast<size_t>(layer)]->parameters()) {
      const T* const values = among == Among::kGradients ? parameter->gradient() : parameter->data();
      if (values && propagation_.kernels().first_not_finite(values, parameter->padded_size()) >= 0) return layer;
    }
  }
  return -1;
}

}  // namespace

template <typename T>
std::unique_ptr<Trainer> make_trainer(const Plan& plan, const KernelTable<T>& kernels) {
  return std::make_unique<TrainerOf<T>>(plan, kernels);
}

template std::unique_ptr<Trainer> make_trainer(const Plan&, const KernelTable<float>&);
template std::unique_ptr<Trainer> make_trainer(const Plan&, const KernelTable<double>&);

}  // namespace chainrule
