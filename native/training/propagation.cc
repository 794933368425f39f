#include "propagation.h"

#include <algorithm>
#include <stdexcept>

#include "make_layer.h"

namespace chainrule {

// Bounds the memory of a large batch, and its rows of a layer stay in L2.
constexpr int64_t kPassRows = 1024;

// Rows of a part that only go forward: few, so that all threads have as many.
constexpr int kForwardRows = 8;

// Rows that one thread takes through several layers together: their activations stay in L2, and each weight that comes
// from farther away is multiplied often enough. A multiple of every panel.
constexpr int kPartRows = 128;

// A copy of the input that does not stay in L2 is no nearer than another core's. All copies together, for the memory of
// very many threads.
constexpr int64_t kMostOwnInput = 1 << 21;
constexpr int64_t kMostOwnInputs = 1 << 26;

template <typename T>
Propagation<T>::Propagation(const Plan& plan, const KernelTable<T>& kernels) : kernels_(kernels), plan_(plan) {
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    layers_.push_back(make_layer(plan, i, kernels));
    const std::vector<Parameter<T>*> own = layers_.back()->parameters();
    if (parameters_.empty() && !own.empty()) lowest_trainable_ = i;
    parameters_.insert(parameters_.end(), own.begin(), own.end());
    needs_whole_batch_ |= plan.layers[i].kind == LayerPlan::Kind::kBatchNormalization;
  }
}

template <typename T>
void Propagation<T>::select_loss(const LossPlan* plan) {
  Layer<T>& last = *layers_.back();
  if (plan && plan->on_pre_activation && !last.has_pre_activation()) {
    throw std::invalid_argument("a loss on a pre-activation needs a last dense layer");
  }
  loss_.reset();
  if (plan) loss_.emplace(*plan, kernels_);
  last.set_stops_at_pre_activation(plan && plan->on_pre_activation);
}

template <typename T>
void Propagation<T>::reserve(int64_t rows, bool input_gradient) {
  const int needed = static_cast<int>(std::max<int64_t>(rows, 1));
  if (needed > reserved_) {
    for (auto& layer : layers_) layer->reserve(needed);
    input_ = InputRows<T>(kernels_, needed, plan_.inputs, plan_.threads);
    target_ = PanelBuffer<T>(needed, plan_.outputs);
    input_gradient_ = {};
    rows_ = 0;
    const size_t count = static_cast<size_t>(needed);
    classes_.resize(count);
    row_scale_.resize(count);
    row_loss_.resize(count);
    evaluated_.resize(count);
    reserved_ = needed;
  }
  if (input_gradient && input_gradient_.size() == 0) input_gradient_ = PanelBuffer<T>(reserved_, plan_.inputs);
}

template <typename T>
int64_t Propagation<T>::rows_per_pass(const Batch& batch) const {
  int64_t most = batch.pass_rows > 0 ? std::min(batch.pass_rows, batch.size) : batch.size;
  if (!(needs_whole_batch_ && batch.training)) most = std::min(most, kPassRows);
  return std::max<int64_t>(most, 1);
}

template <typename T>
void Propagation<T>::check(const Batch& batch) const {
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
double Propagation<T>::divisor(const Batch& batch) const {
  if (!loss_->mean) return 1;
  if (!batch.samples.weights) return static_cast<double>(batch.size);
  double sum = 0;
  for (int64_t r = 0; r < batch.size; ++r) sum += batch.samples.weights[batch.rows[r]];
  return sum > 0 ? sum : 1;  // a batch in which no row counts has no loss and no gradient
}

template <typename T>
void Propagation<T>::prepare(const Pass<T>& pass, bool samples_stay) {
  const int threads = pass.team.size();
  if (pass.rows == rows_ && threads == threads_ && pass.training == training_ && samples_stay == samples_stay_) return;
  rows_ = pass.rows;
  threads_ = threads;
  training_ = pass.training;
  samples_stay_ = samples_stay;

  upper_ = layers_.size();
  upper_work_ = int64_t{rows_} * plan_.outputs * kElementwiseCost;
  while (upper_ > 0) {
    const int64_t work = layers_[upper_ - 1]->work_by_rows(pass);
    if (work == 0) break;
    --upper_;
    upper_work_ += work;
  }
  if (upper_ == 0) upper_work_ += int64_t{rows_} * plan_.inputs * kGatherCost;
  const bool upper_by_rows = upper_work_ > kSharedWork && panels_of<T>(rows_) >= pass.team.size();
  gradient_work_ = 0;
  for (size_t i = 0; i < layers_.size(); ++i) {
    gradient_work_ += layers_[i]->plan_gradients(pass, i >= upper_ && upper_by_rows);
  }

  const int64_t input_bytes = int64_t{rows_} * plan_.inputs * static_cast<int64_t>(sizeof(T));
  own_input_ = samples_stay && pass.team.size() > 1 && upper_ > 0 && layers_[0]->reads_own_input() &&
               input_bytes <= kMostOwnInput && input_bytes * pass.team.size() <= kMostOwnInputs;
  Panels<const T> input = input_.shared();
  for (auto& layer : layers_) {
    layer->begin_passes(pass, input, layer == layers_[0] && own_input_ ? &input_ : nullptr);
    input = layer->output();
  }
}

template <typename T>
template <typename Visit>
void Propagation<T>::by_rows(const Pass<T>& pass, int unit, bool stays, Visit visit) {
  if (upper_ == layers_.size()) {
    visit(pass);
    return;
  }
  const bool in_place = stays || upper_ > 0 || pass.rows < pass.team.size() * kPartRows;
  const auto visit_parts = [&](Range rows, ThreadTeam& team, int thread) {
    for (int first = rows.begin; first < rows.end; first += kPartRows) {
      const Range part = {first, std::min(first + kPartRows, rows.end)};
      visit(pass.part_at(in_place ? first : thread * kPartRows, part, team));
    }
  };
  const int groups = (pass.rows + unit - 1) / unit;
  if (groups < pass.team.size() || pass.team.size() == 1) {
    visit_parts({0, pass.rows}, pass.team, 0);
    return;
  }
  auto visit_groups = [&](Range range, int thread) {
    ThreadTeam alone(1);
    visit_parts({range.begin * unit, std::min(range.end * unit, pass.rows)}, alone, thread);
  };
  // All weights come once for each chunk, too: a share is not cut into less than a part.
  int chunks = 1;
  while (chunks < kChunks && pass.rows / pass.team.size() >> chunks >= kPartRows) ++chunks;
  for_range(pass.team, upper_work_, groups, visit_groups, {.chunks = chunks});
}

template <typename T>
void Propagation<T>::begin_forward(const Pass<T>& pass, const Samples& samples, const RowSequence& rows,
                                   bool samples_stay) {
  prepare(pass, samples_stay);
  if (upper_ == 0) return;
  if (own_input_) {
    input_.begin_own(samples.x, rows, pass.rows);
  } else {
    for_range(pass.team, static_cast<int64_t>(pass.rows) * plan_.inputs * kGatherCost, pass.rows,
              [&](Range range) { input_.gather_shared(samples.x, rows, range); });
  }
  for (size_t i = 0; i < upper_; ++i) layers_[i]->forward(pass);
}

template <typename T>
void Propagation<T>::forward_upper(const Pass<T>& part, const Samples& samples, const RowSequence& rows) {
  if (upper_ == 0) input_.gather_shared(samples.x, rows, part.range());
  for (size_t i = upper_; i < layers_.size(); ++i) layers_[i]->forward(part);
}

template <typename T>
void Propagation<T>::find_losses(const Pass<T>& part, const Samples& samples, const RowSequence& rows, double divisor) {
  const Range range = part.range();
  for (int r = range.begin; r < range.end; ++r) {
    row_scale_[static_cast<size_t>(r)] = static_cast<T>(weight_of(samples, rows[r]) * loss_->scale / divisor);
    if (samples.classes) classes_[static_cast<size_t>(r)] = samples.classes[rows[r]];
  }
  const Layer<T>& last = *layers_.back();
  const LossRows<T> args = {.prediction = loss_->on_pre_activation ? last.pre_activation() : last.output(),
                            .target = constant(target_.panels()),
                            .classes = samples.classes ? classes_.data() : nullptr,
                            .gradient = last.gradient(),
                            .width = plan_.outputs,
                            .parameters = loss_->parameters,
                            .scale = row_scale_.data(),
                            .row_loss = row_loss_.data()};
  for_range(part.team, static_cast<int64_t>(part.rows) * plan_.outputs * kElementwiseCost, part.rows, [&](Range own) {
    own = {range.begin + own.begin, range.begin + own.end};
    if (!samples.classes) kernels_.gather(samples.y, plan_.outputs, rows, own, target_.panels());
    loss_->kernel->rows(args, own);
  });
}

template <typename T>
double Propagation<T>::sum_of_losses(const Pass<T>& pass, const Samples& samples, const RowSequence& rows,
                                     const std::vector<double>& row_losses, double sum) const {
  for (int r = 0; r < pass.rows; ++r) {
    sum += weight_of(samples, rows[r]) * loss_->scale * row_losses[static_cast<size_t>(r)];
  }
  return sum;
}

template <typename T>
void Propagation<T>::back_through(size_t layer, const Pass<T>& pass, const Sink<T>& sink, bool input_gradient) {
  Below<T> below;
  if (layer == 0) {
    if (input_gradient) below.gradient = input_gradient_.panels();
  } else {
    const Layer<T>& next = *layers_[layer - 1];
    if (input_gradient || layer > lowest_trainable_) below.gradient = next.gradient();
    if (input_gradient || layer - 1 > lowest_trainable_) below.gradient_transposed = next.gradient_transposed();
    below.derivative = next.derivative();
  }
  layers_[layer]->backward(pass, below, sink);
}

template <typename T>
void Propagation<T>::backward_upper(const Pass<T>& part, bool input_gradient) {
  const Layer<T>& last = *layers_.back();
  apply_derivative(part, last.derivative(), last.gradient(), plan_.outputs);
  for (size_t i = layers_.size(); i-- > upper_;) back_through(i, part, Sink<T>::none(), input_gradient);
}

template <typename T>
void Propagation<T>::forward(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, bool samples_stay) {
  begin_forward(pass, samples, rows, samples_stay);
  by_rows(pass, kForwardRows, true, [&](const Pass<T>& part) { forward_upper(part, samples, rows); });
}

template <typename T>
void Propagation<T>::evaluate(const Pass<T>& pass, const Samples& samples, const RowSequence& rows, T* outputs,
                              double& sum) {
  begin_forward(pass, samples, rows, true);
  by_rows(pass, kForwardRows, false, [&](const Pass<T>& part) {
    // Row r of the buffers is row r + skipped of the pass.
    const int skipped = static_cast<int>(part.first_row - pass.first_row);
    const int first = part.offset + skipped;
    forward_upper(part, samples, rows.after(skipped));
    if (loss_) {
      find_losses(part, samples, rows.after(skipped), 1);
      std::copy_n(row_loss_.begin() + part.offset, part.rows, evaluated_.begin() + first);
    }
    if (outputs) write_outputs(part, outputs + static_cast<ptrdiff_t>(first) * plan_.outputs);
  });
  if (loss_) sum = sum_of_losses(pass, samples, rows, evaluated_, sum);
}

template <typename T>
void Propagation<T>::forward_and_back(const Pass<T>& pass, const Samples& samples, const RowSequence& rows,
                                      double divisor, double& sum, bool input_gradient) {
  begin_forward(pass, samples, rows, true);
  by_rows(pass, kPanel<T>, true, [&](const Pass<T>& part) {
    forward_upper(part, samples, rows);
    find_losses(part, samples, rows, divisor);
    backward_upper(part, input_gradient);
  });
  sum = sum_of_losses(pass, samples, rows, row_loss_, sum);
}

template <typename T>
void Propagation<T>::backward(const Pass<T>& pass, const Sink<T>& sink, bool input_gradient) {
  for (size_t i = upper_; i-- > 0;) back_through(i, pass, sink, input_gradient);
  if (!sink.wanted()) return;
  const int parts = pass.team.size() << (kChunks - 1);
  for_range(pass.team, gradient_work_, parts, [&](Range range, int thread) {
    GradientPart part = {range, parts, thread, {}};
    for (size_t i = layers_.size(); i-- > lowest_trainable_;) {
      // The lowest layer's come last, and what it brings in is still there when it is wanted.
      if (i == lowest_trainable_) part.upcoming = pass.upcoming.part(range, parts);
      layers_[i]->parameter_gradients(pass, sink, part);
    }
  });
}

template <typename T>
void Propagation<T>::backward_from(const Pass<T>& pass, const T* output_gradient, const Sink<T>& sink,
                                   bool input_gradient) {
  copy_in(output_gradient, plan_.outputs, pass.rows, plan_.outputs, layers_.back()->gradient());
  by_rows(pass, kPanel<T>, true, [&](const Pass<T>& part) { backward_upper(part, input_gradient); });
  backward(pass, sink, input_gradient);
}

template <typename T>
int Propagation<T>::first_not_finite_output() const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    const bool last = i + 1 == layers_.size();
    const Panels<const T> values = last ? layers_[i]->pre_activation() : layers_[i]->output();
    for (int p = 0; p < panels_of<T>(plan_.layers[i].units); ++p) {
      const ptrdiff_t count = static_cast<ptrdiff_t>(rows_) * kPanel<T>;
      if (kernels_.first_not_finite(values.panel(p), count) >= 0) return static_cast<int>(i);
    }
  }
  return -1;
}

template <typename T>
void Propagation<T>::write_outputs(const Pass<T>& pass, T* to) {
  if (loss_ && loss_->on_pre_activation) layers_.back()->activate(pass);
  copy_out(pass.rows_of(layers_.back()->output()), pass.rows, plan_.outputs, to, plan_.outputs);
}

template <typename T>
void Propagation<T>::write_input_gradient(const Pass<T>& pass, T* to) const {
  copy_out(constant(input_gradient_.panels()), pass.rows, plan_.inputs, to, plan_.inputs);
}

template class Propagation<float>;
template class Propagation<double>;

}  // namespace chainrule
