#include "trainer.h"

#include <math.h>

#include <algorithm>
#include <optional>

#include "dense_layer.h"
#include "dropout_layer.h"
#include "gather.h"
#include "registry.h"

namespace chainrule {
namespace {

// A batch with more rows goes through the layers in parts, its gradients summed on in the same chains. It bounds memory
// and cannot be seen in the result.
constexpr int kPassRows = 1024;

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

template <typename T>
class TrainerOf final : public Trainer {
 public:
  TrainerOf(const Plan& plan, const KernelTable<T>& kernels);

  std::vector<int64_t> parameter_sizes() const override;
  void set_parameters(const std::vector<const void*>& arrays) override;
  void get_parameters(const std::vector<void*>& arrays) const override;

  TrainingReport train(const TrainingJob& job) override;
  EvaluationReport evaluate(const EvaluationJob& job) override;
  double gradients(const GradientJob& job) override;

 private:
  struct Batch {
    const Samples& samples;
    RowSequence rows;
    int64_t size;
    uint32_t update;
    bool training;
  };

  void reserve(int64_t rows);
  void select_loss(const LossPlan& plan);
  // Memory safety: every row is one of the samples, every class one of the outputs.
  void check(const Batch& batch) const;
  // Visits the batch in passes of at most kPassRows: visit(pass, sequence).
  template <typename Visit>
  void for_passes(const Batch& batch, ThreadTeam& team, Visit visit);
  double divisor(const Batch& batch) const;
  void forward(const Pass<T>& pass, const Samples& samples, const RowSequence& rows);
  // Adds wᵢ·scale·lᵢ of the pass to `sum`, row by row; the gradient is divided by `divisor`.
  void loss(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, double divisor, double& sum);
  void backward(const Pass<T>& pass, const Sink<T>& sink, bool input_gradient);
  void write_outputs(const Pass<T>& pass, T* to);
  // The batch's loss; the update is left out where it is not finite.
  double step(const Batch& batch, ThreadTeam& team, const OptimizerKernel<T>& optimizer, const T* constants,
              T* outputs);

  const KernelTable<T>& kernels_;
  const Plan plan_;
  std::vector<std::unique_ptr<Layer<T>>> layers_;
  std::vector<DenseLayer<T>*> dense_;
  size_t first_dense_ = 0;               // no gradient is needed below it
  DenseLayer<T>* last_dense_ = nullptr;  // where it is the last layer
  std::optional<Loss<T>> loss_;
  std::string optimizer_kernel_;

  int reserved_ = 0;
  PanelBuffer<T> input_;           // (rows, inputs)
  PanelBuffer<T> input_gradient_;  // (rows, inputs), where asked for
  PanelBuffer<T> target_;          // (rows, outputs)
  std::vector<int32_t> classes_;   // (rows)
  std::vector<T> row_scale_;       // (rows)
  std::vector<double> row_loss_;   // (rows)
};

template <typename T>
TrainerOf<T>::TrainerOf(const Plan& plan, const KernelTable<T>& kernels) : kernels_(kernels), plan_(plan) {
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const LayerPlan& layer = plan.layers[i];
    if (layer.kind == LayerPlan::Kind::kDropout) {
      layers_.push_back(std::make_unique<DropoutLayer<T>>(layer, static_cast<int>(i)));
      continue;
    }
    const bool last = i + 1 == plan.layers.size();
    auto dense = std::make_unique<DenseLayer<T>>(layer, kernels, last);
    if (dense_.empty()) first_dense_ = i;
    dense_.push_back(dense.get());
    if (last) last_dense_ = dense.get();
    layers_.push_back(std::move(dense));
  }
}

template <typename T>
std::vector<int64_t> TrainerOf<T>::parameter_sizes() const {
  std::vector<int64_t> sizes;
  for (const LayerPlan& layer : plan_.layers) {
    if (layer.kind != LayerPlan::Kind::kDense) continue;
    sizes.push_back(static_cast<int64_t>(layer.inputs) * layer.units);
    if (layer.bias) sizes.push_back(layer.units);
  }
  return sizes;
}

template <typename T>
void TrainerOf<T>::set_parameters(const std::vector<const void*>& arrays) {
  auto array = arrays.begin();
  for (DenseLayer<T>* layer : dense_) {
    layer->set_weights(static_cast<const T*>(*array++));
    if (layer->has_bias()) layer->set_bias(static_cast<const T*>(*array++));
  }
}

template <typename T>
void TrainerOf<T>::get_parameters(const std::vector<void*>& arrays) const {
  auto array = arrays.begin();
  for (const DenseLayer<T>* layer : dense_) {
    layer->get_weights(static_cast<T*>(*array++));
    if (layer->has_bias()) layer->get_bias(static_cast<T*>(*array++));
  }
}

template <typename T>
void TrainerOf<T>::reserve(int64_t rows) {
  const int needed = static_cast<int>(std::clamp<int64_t>(rows, 1, kPassRows));
  if (needed <= reserved_) return;
  for (auto& layer : layers_) layer->reserve(needed);
  input_ = PanelBuffer<T>(needed, plan_.inputs);
  target_ = PanelBuffer<T>(needed, plan_.outputs);
  input_gradient_ = {};
  const size_t count = static_cast<size_t>(needed);
  classes_.resize(count);
  row_scale_.resize(count);
  row_loss_.resize(count);
  reserved_ = needed;
}

template <typename T>
void TrainerOf<T>::select_loss(const LossPlan& plan) {
  if (plan.on_pre_activation && !last_dense_)
    throw std::invalid_argument("a loss on a pre-activation needs a last dense layer");
  loss_.emplace(plan, kernels_);
  if (last_dense_) last_dense_->set_stops_at_pre_activation(plan.on_pre_activation);
}

template <typename T>
void TrainerOf<T>::check(const Batch& batch) const {
  for (int64_t i = 0; i < batch.size; ++i) {
    const int64_t row = batch.rows[i];
    if (row < 0 || row >= batch.samples.rows) {
      throw std::out_of_range("expected a row below " + std::to_string(batch.samples.rows) + ", got " +
                              std::to_string(row));
    }
    if (loss_ && batch.samples.classes &&
        static_cast<uint32_t>(batch.samples.classes[row]) >= static_cast<uint32_t>(plan_.outputs)) {
      throw std::out_of_range("expected a class below " + std::to_string(plan_.outputs) + ", got " +
                              std::to_string(batch.samples.classes[row]));
    }
  }
}

template <typename T>
template <typename Visit>
void TrainerOf<T>::for_passes(const Batch& batch, ThreadTeam& team, Visit visit) {
  for (int64_t first = 0; first < batch.size; first += kPassRows) {
    const Pass<T> pass = {.kernels = kernels_,
                          .team = team,
                          .rows = static_cast<int>(std::min<int64_t>(kPassRows, batch.size - first)),
                          .training = batch.training,
                          .first_row = static_cast<uint32_t>(first),
                          .update = batch.update,
                          .seed = plan_.seed};
    visit(pass, RowSequence{batch.rows.order, batch.rows.first + first});
  }
}

template <typename T>
double TrainerOf<T>::divisor(const Batch& batch) const {
  if (!loss_->mean) return 1;
  if (!batch.samples.weights) return static_cast<double>(batch.size);
  double sum = 0;
  for (int64_t r = 0; r < batch.size; ++r) {
    sum += batch.samples.weights[batch.rows[r]];
  }
  return sum > 0 ? sum : 1;  // a batch in which no row counts has no loss and no gradient
}

template <typename T>
void TrainerOf<T>::forward(const Pass<T>& pass, const Samples& samples, const RowSequence& rows) {
  for_range(pass.team, static_cast<int64_t>(pass.rows) * plan_.inputs * kElementwiseCost, pass.rows,
            [&](Range range) { gather(samples.x, plan_.inputs, rows, range, input_.panels()); });
  Panels<const T> activations = constant(input_.panels());
  for (auto& layer : layers_) {
    layer->forward(pass, activations);
    activations = layer->output();
  }
}

template <typename T>
void TrainerOf<T>::loss(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, double divisor,
                        double& sum) {
  const auto weight = [&](int r) { return samples.weights ? samples.weights[rows[r]] : 1.0; };
  for (int r = 0; r < pass.rows; ++r) {
    row_scale_[static_cast<size_t>(r)] = static_cast<T>(weight(r) * loss_->scale / divisor);
    if (samples.classes) classes_[static_cast<size_t>(r)] = samples.classes[rows[r]];
  }
  const LossRows<T> args = {
      .prediction = loss_->on_pre_activation ? last_dense_->pre_activation() : layers_.back()->output(),
      .target = constant(target_.panels()),
      .classes = samples.classes ? classes_.data() : nullptr,
      .gradient = layers_.back()->gradient(),
      .width = plan_.outputs,
      .parameters = loss_->parameters,
      .scale = row_scale_.data(),
      .row_loss = row_loss_.data()};
  for_range(pass.team, static_cast<int64_t>(pass.rows) * plan_.outputs * kElementwiseCost, pass.rows, [&](Range range) {
    if (!samples.classes) gather(samples.y, plan_.outputs, rows, range, target_.panels());
    loss_->kernel->rows(args, range);
  });
  for (int r = 0; r < pass.rows; ++r) sum += weight(r) * loss_->scale * row_loss_[static_cast<size_t>(r)];
}

template <typename T>
void TrainerOf<T>::backward(const Pass<T>& pass, const Sink<T>& sink, bool input_gradient) {
  Layer<T>& last = *layers_.back();
  apply_derivative(pass, last.derivative(), last.gradient(), plan_.outputs);
  for (size_t i = layers_.size(); i-- > 0;) {
    if (i > 0) {
      Layer<T>& below = *layers_[i - 1];
      const bool wanted = input_gradient || i > first_dense_;
      layers_[i]->backward(pass, below.output(), wanted ? below.gradient() : Panels<T>{}, below.derivative(), sink);
    } else {
      layers_[0]->backward(pass, constant(input_.panels()), input_gradient ? input_gradient_.panels() : Panels<T>{}, {},
                           sink);
    }
  }
}

template <typename T>
void TrainerOf<T>::write_outputs(const Pass<T>& pass, T* to) {
  if (loss_ && loss_->on_pre_activation) last_dense_->activate(pass);
  copy_out(layers_.back()->output(), pass.rows, plan_.outputs, to, plan_.outputs);
}

template <typename T>
double TrainerOf<T>::step(const Batch& batch, ThreadTeam& team, const OptimizerKernel<T>& optimizer, const T* constants,
                          T* outputs) {
  const bool parts = batch.size > kPassRows;
  if (parts) {
    for (DenseLayer<T>* layer : dense_) layer->reserve_gradients();
  }
  check(batch);
  const double by = divisor(batch);
  double sum = 0;
  for_passes(batch, team, [&](const Pass<T>& pass, const RowSequence& rows) {
    forward(pass, batch.samples, rows);
    loss(pass, batch.samples, rows, by, sum);
    if (outputs) write_outputs(pass, outputs + static_cast<ptrdiff_t>(pass.first_row) * plan_.outputs);
    if (!isfinite(sum)) return;
    backward(
        pass,
        parts ? Sink<T>{.accumulate = pass.first_row > 0} : Sink<T>{.optimizer = &optimizer, .constants = constants},
        false);
  });
  if (parts && isfinite(sum)) {
    for (DenseLayer<T>* layer : dense_) layer->update(team, optimizer, constants);
  }
  return sum / by;
}

template <typename T>
TrainingReport TrainerOf<T>::train(const TrainingJob& job) {
  const FlushDenormals flush;
  ThreadTeam team(plan_.threads);
  select_loss(job.loss);
  const OptimizerKernel<T>& optimizer = *find_optimizer(kernels_, job.optimizer);
  const bool fresh = job.optimizer_step == 0 || optimizer_kernel_ != job.optimizer.kernel;
  for (DenseLayer<T>* layer : dense_) layer->reserve_slots(optimizer.slots, fresh);
  optimizer_kernel_ = job.optimizer.kernel;
  reserve(std::min(job.batch_size, job.epoch_rows));

  int64_t update = 0;
  for (int64_t first = 0; first < job.order_length; ++update) {
    if (cancelled()) return {update, Ended::kCancelled};
    const int64_t epoch_left = job.epoch_rows - first % job.epoch_rows;
    const int64_t rows = std::min({job.batch_size, epoch_left, job.order_length - first});
    T constants[kMaxConstants] = {};
    optimizer.prepare(job.optimizer.parameters.data(), job.optimizer_step + update,
                      job.learning_rates[job.learning_rate_count == 1 ? 0 : update], constants);
    const Batch batch = {.samples = job.samples,
                         .rows = {job.order, first},
                         .size = rows,
                         .update = static_cast<uint32_t>(job.first_update + update),
                         .training = true};
    T* const outputs = job.outputs ? static_cast<T*>(job.outputs) + first * plan_.outputs : nullptr;
    job.losses[update] = step(batch, team, optimizer, constants, outputs);
    if (!isfinite(job.losses[update])) return {update, Ended::kNotFinite};
    first += rows;
  }
  return {update, Ended::kComplete};
}

template <typename T>
EvaluationReport TrainerOf<T>::evaluate(const EvaluationJob& job) {
  const FlushDenormals flush;
  ThreadTeam team(plan_.threads);
  loss_.reset();
  if (last_dense_) last_dense_->set_stops_at_pre_activation(false);
  if (job.has_loss) select_loss(job.loss);
  reserve(std::min(job.batch_size, job.rows));
  double sum = 0;
  for (int64_t first = 0; first < job.rows; first += job.batch_size) {
    if (cancelled()) return {sum, Ended::kCancelled};
    const Batch batch = {.samples = job.samples,
                         .rows = {nullptr, job.from + first},
                         .size = std::min(job.batch_size, job.rows - first),
                         .update = 0,
                         .training = false};
    check(batch);
    for_passes(batch, team, [&](const Pass<T>& pass, const RowSequence& rows) {
      forward(pass, job.samples, rows);
      if (loss_) loss(pass, job.samples, rows, 1, sum);
      if (job.outputs) {
        write_outputs(pass,
                      static_cast<T*>(job.outputs) + (first + pass.first_row) * static_cast<ptrdiff_t>(plan_.outputs));
      }
    });
  }
  return {sum, Ended::kComplete};
}

template <typename T>
double TrainerOf<T>::gradients(const GradientJob& job) {
  const FlushDenormals flush;
  ThreadTeam team(plan_.threads);
  select_loss(job.loss);
  reserve(job.rows);
  for (DenseLayer<T>* layer : dense_) layer->reserve_gradients();
  if (job.input_gradient && input_gradient_.size() == 0) input_gradient_ = PanelBuffer<T>(reserved_, plan_.inputs);
  const Batch batch = {.samples = job.samples,
                       .rows = {nullptr, 0},
                       .size = job.rows,
                       .update = static_cast<uint32_t>(job.first_update),
                       .training = true};
  check(batch);
  const double by = divisor(batch);
  double sum = 0;
  for_passes(batch, team, [&](const Pass<T>& pass, const RowSequence& rows) {
    forward(pass, job.samples, rows);
    loss(pass, job.samples, rows, by, sum);
    backward(pass, {.accumulate = pass.first_row > 0}, job.input_gradient != nullptr);
    if (job.input_gradient) {
      copy_out(constant(input_gradient_.panels()), pass.rows, plan_.inputs,
               static_cast<T*>(job.input_gradient) + pass.first_row * static_cast<ptrdiff_t>(plan_.inputs),
               plan_.inputs);
    }
  });
  auto array = job.gradients.begin();
  for (const DenseLayer<T>* layer : dense_) {
    layer->get_weight_gradient(static_cast<T*>(*array++));
    if (layer->has_bias()) layer->get_bias_gradient(static_cast<T*>(*array++));
  }
  return sum / by;
}

}  // namespace

template <typename T>
std::unique_ptr<Trainer> make_trainer(const Plan& plan, const KernelTable<T>& kernels) {
  return std::make_unique<TrainerOf<T>>(plan, kernels);
}

template std::unique_ptr<Trainer> make_trainer(const Plan&, const KernelTable<float>&);
template std::unique_ptr<Trainer> make_trainer(const Plan&, const KernelTable<double>&);

}  // namespace chainrule
