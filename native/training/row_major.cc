#include "row_major.h"

#include <math.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "layer.h"
#include "registry.h"
#include "split.h"

namespace chainrule {
namespace {

// What a product reads and writes lives for one call.
template <typename T>
struct CallPanels : PanelBuffer<T> {
  CallPanels() = default;
  CallPanels(int rows, int columns) : PanelBuffer<T>(rows, columns, Use::kOneCall) {}
};

template <typename T>
CallPanels<T> into_panels(Matrix<const T> from, int rows, int columns) {
  CallPanels<T> buffer(rows, columns);
  copy_in(from.data, from.leading, rows, columns, buffer.panels());
  return buffer;
}

template <typename T>
void out_of_panels(const CallPanels<T>& buffer, int rows, int columns, Matrix<T> to) {
  copy_out(chainrule::constant(buffer.panels()), rows, columns, to.data, to.leading);
}

template <typename T>
Matrix<const T> constant(Matrix<T> matrix) {
  return {matrix.data, matrix.leading};
}

// A vector is a matrix of one row: its panels are the padded vector itself.
template <typename T>
CallPanels<T> vector_into_panels(const T* values, int size) {
  return values ? into_panels<T>({values, size}, 1, size) : CallPanels<T>(1, size);
}

template <typename T>
struct Activation {
  Activation(const KernelTable<T>& kernels, const ActivationPlan& plan) : kernel(find_activation(kernels, plan)) {
    copy_parameters(plan.parameters, parameters);
  }
  const ActivationKernel<T>* kernel;
  T parameters[kMaxParameters] = {};
};

}  // namespace

template <typename T>
void RowMajorKernels<T>::gemm(const Gemm<T>& product, int threads, CallResources& resources) const {
  const int64_t work = static_cast<int64_t>(product.m) * product.n * product.k;
  // A single phase, after which no thread needs what another one wrote, pays sooner than one of many. And every chunk
  // copies the operand it shares with the others anew.
  constexpr Sharing kSharing = {.above = kSharedWork / 2, .chunks = 1};
  if (threads == 1 || work <= kSharing.above) {
    Gemm<T> whole = product;
    whole.workspace = resources.workspace<T>(kernels.gemm_workspace(product.m, product.n, product.k));
    kernels.gemm(whole);
    return;
  }
  constexpr ptrdiff_t kLine = 64 / sizeof(T);
  const bool rows_begin_lines =
      reinterpret_cast<uintptr_t>(product.c) % (kLine * sizeof(T)) == 0 && product.ldc % kLine == 0;
  // Otherwise two cores that part the columns write to one line in each row, which takes as long as it takes either to
  // read so many elements of the other's share of B.
  constexpr int64_t kSharedLine = 1000;
  const int64_t shared_lines = rows_begin_lines ? 0 : product.m;
  const bool by_columns =
      product.n >= product.m && static_cast<int64_t>(product.n) * product.k >= kSharedLine * shared_lines;
  constexpr int kRowUnit = 8;  // rows that fill most of a tile
  const int unit = by_columns ? kPanel<T> : kRowUnit;
  const int size = by_columns ? product.n : product.m;
  const int units = (size + unit - 1) / unit;
  const ptrdiff_t part_workspace =
      (kernels.gemm_workspace(product.m, product.n, product.k) + kLine - 1) / kLine * kLine;
  T* const workspace = resources.workspace<T>(part_workspace * threads);
  auto multiply = [&](Range parts, int thread) {
    const FlushDenormals keep(false);  // the same bits on every thread
    Gemm<T> part = product;
    const int first = parts.begin * unit;
    const int count = std::min(parts.end * unit, size) - first;
    if (by_columns) {
      part.b += first * part.b_column;
      part.c += first;
      part.n = count;
    } else {
      part.a += first * part.a_row;
      part.c += first * part.ldc;
      part.m = count;
    }
    part.workspace = workspace + thread * part_workspace;
    kernels.gemm(part);
  };
  for_range(resources.team(threads), work, units, multiply, kSharing);
}

template <typename T>
void RowMajorKernels<T>::dense_forward(const RowMajorForward<T>& layer) const {
  const Activation<T> activation(kernels, layer.activation);
  const CallPanels<T> x = into_panels(layer.x, layer.rows, layer.inputs);
  const CallPanels<T> weights = into_panels(layer.weights, layer.inputs, layer.units);
  const CallPanels<T> bias = vector_into_panels(layer.bias, layer.units);
  const CallPanels<T> sums(layer.rows, layer.units);
  const CallPanels<T> output(layer.rows, layer.units);
  const bool epilogue = activation.kernel->forward != nullptr;
  kernels.dense_forward({.rows = layer.rows,
                         .inputs = layer.inputs,
                         .units = layer.units,
                         .input = chainrule::constant(x.panels()),
                         .weights = chainrule::constant(weights.panels()),
                         .bias = bias.data(),
                         .pre_activation = sums.panels(),
                         .output = epilogue ? output.panels() : sums.panels(),
                         .activation = epilogue ? activation.kernel : nullptr,
                         .parameters = activation.parameters},
                        {0, panels_of<T>(layer.units)}, {0, layer.rows});
  if (layer.pre_activation) out_of_panels(sums, layer.rows, layer.units, layer.pre_activation);
  if (activation.kernel->rowwise() && layer.units > 0) {
    activation.kernel->forward_rows(
        {chainrule::constant(sums.panels()), output.panels(), layer.units, activation.parameters}, {0, layer.rows});
  }
  out_of_panels(activation.kernel->identity() ? sums : output, layer.rows, layer.units, layer.output);
}

template <typename T>
void RowMajorKernels<T>::dense_backward(const RowMajorBackward<T>& layer) const {
  const int rows = layer.rows, inputs = layer.inputs, units = layer.units;
  const CallPanels<T> delta = into_panels(layer.delta, rows, units);
  const CallPanels<T> weights = into_panels(constant(layer.weights), inputs, units);
  if (layer.input_gradient) {
    const Activation<T> activation(kernels, layer.input_activation);
    const CallPanels<T> transposed(padded_rows<T>(units), rows);
    kernels.transpose(chainrule::constant(delta.panels()), transposed.panels(), rows, units, {0, panels_of<T>(units)});
    const CallPanels<T> saved = layer.saved ? into_panels(layer.saved, rows, inputs) : CallPanels<T>(rows, inputs);
    const CallPanels<T> gradient(rows, inputs);
    const Panels<const T> known = chainrule::constant(saved.panels());
    kernels.dense_input_gradient({.rows = rows,
                                  .inputs = inputs,
                                  .units = units,
                                  .weights = chainrule::constant(weights.panels()),
                                  .delta = chainrule::constant(delta.panels()),
                                  .delta_transposed = chainrule::constant(transposed.panels()),
                                  .activation = activation.kernel->backward ? activation.kernel : nullptr,
                                  .parameters = activation.parameters,
                                  .saved = known,
                                  .gradient = gradient.panels()},
                                 {0, panels_of<T>(inputs)});
    if (activation.kernel->rowwise() && inputs > 0) {
      activation.kernel->backward_rows(
          {known, chainrule::constant(gradient.panels()), gradient.panels(), inputs, activation.parameters}, {0, rows});
    }
    out_of_panels(gradient, rows, inputs, layer.input_gradient);
  }
  if (!layer.x) return;
  const CallPanels<T> x = into_panels(layer.x, rows, inputs);
  const auto multiply = [&](const CallPanels<T>& gradient, T* bias_gradient, const Update<T>* update, T* bias) {
    kernels.dense_weight_gradient({.rows = rows,
                                   .inputs = inputs,
                                   .units = units,
                                   .input = chainrule::constant(x.panels()),
                                   .delta = chainrule::constant(delta.panels()),
                                   .gradient = gradient.panels(),
                                   .bias_gradient = bias_gradient,
                                   .accumulate = false,
                                   .update = update,
                                   .weights = weights.panels(),
                                   .bias = bias},
                                  {0, panels_of<T>(units)}, {0, panels_of<T>(inputs)}, {});
  };
  if (layer.weight_gradient || layer.bias_gradient) {
    const CallPanels<T> gradient(inputs, units);
    const CallPanels<T> bias_gradient(1, units);
    multiply(gradient, bias_gradient.data(), nullptr, nullptr);
    if (layer.weight_gradient) out_of_panels(gradient, inputs, units, {layer.weight_gradient, units});
    if (layer.bias_gradient) out_of_panels(bias_gradient, 1, units, {layer.bias_gradient, units});
  }
  if (!layer.update) return;
  const OptimizerKernel<T>& optimizer = *find_optimizer(kernels, layer.update->optimizer);
  T constants[kMaxConstants] = {};
  Update<T> update = {.optimizer = &optimizer, .constants = constants};
  double state[kMaxState] = {};
  for (int64_t step = 0; step <= layer.update->step; ++step) {  // no state is kept between calls: it is made anew
    optimizer.prepare(layer.update->optimizer.parameters.data(), step, layer.update->learning_rate, state, constants);
  }
  CallPanels<T> weight_slots[kMaxSlots];
  CallPanels<T> bias_slots[kMaxSlots];
  for (int s = 0; s < optimizer.slots; ++s) {
    weight_slots[s] = into_panels<T>({layer.update->weight_slots[s], units}, inputs, units);
    bias_slots[s] = vector_into_panels<T>(layer.update->bias_slots[s], units);
    update.weight_slots[s] = weight_slots[s].data();
    update.bias_slots[s] = bias_slots[s].data();
  }
  const CallPanels<T> bias = vector_into_panels<T>(layer.bias, units);
  multiply({}, nullptr, &update, layer.bias ? bias.data() : nullptr);
  out_of_panels(weights, inputs, units, layer.weights);
  if (layer.bias) out_of_panels(bias, 1, units, {layer.bias, units});
  for (int s = 0; s < optimizer.slots; ++s) {
    out_of_panels(weight_slots[s], inputs, units, {layer.update->weight_slots[s], units});
    if (layer.bias) out_of_panels(bias_slots[s], 1, units, {layer.update->bias_slots[s], units});
  }
}

template <typename T>
void RowMajorKernels<T>::activation_forward(const ActivationPlan& plan, int rows, int columns, const T* input,
                                            T* output) const {
  const Activation<T> activation(kernels, plan);
  const CallPanels<T> values = into_panels<T>({input, columns}, rows, columns);
  const CallPanels<T> results(rows, columns);
  if (activation.kernel->rowwise() && columns > 0) {
    activation.kernel->forward_rows(
        {chainrule::constant(values.panels()), results.panels(), columns, activation.parameters}, {0, rows});
  } else if (activation.kernel->forward) {
    activation.kernel->forward(values.data(), results.data(), values.size(), activation.parameters);
  }
  out_of_panels(activation.kernel->identity() ? values : results, rows, columns, {output, columns});
}

template <typename T>
void RowMajorKernels<T>::activation_backward(const ActivationPlan& plan, int rows, int columns, const T* saved,
                                             const T* gradient, T* delta) const {
  const Activation<T> activation(kernels, plan);
  const CallPanels<T> known = into_panels<T>({saved, columns}, rows, columns);
  CallPanels<T> values = into_panels<T>({gradient, columns}, rows, columns);
  if (activation.kernel->rowwise() && columns > 0) {
    activation.kernel->backward_rows({chainrule::constant(known.panels()), chainrule::constant(values.panels()),
                                      values.panels(), columns, activation.parameters},
                                     {0, rows});
  } else if (activation.kernel->backward) {
    activation.kernel->backward(known.data(), values.data(), values.data(), values.size(), activation.parameters);
  }
  out_of_panels(values, rows, columns, {delta, columns});
}

template <typename T>
double RowMajorKernels<T>::loss(const RowMajorLoss<T>& args) const {
  const LossKernel<T>& kernel = *find_loss(kernels, args.loss);
  T parameters[kMaxParameters] = {};
  copy_parameters(args.loss.parameters, parameters);
  const CallPanels<T> prediction = into_panels<T>({args.prediction, args.outputs}, args.rows, args.outputs);
  const CallPanels<T> target =
      args.y ? into_panels<T>({args.y, args.outputs}, args.rows, args.outputs) : CallPanels<T>();
  const CallPanels<T> gradient(args.rows, args.outputs);
  std::vector<T> scale(static_cast<size_t>(args.rows));
  std::vector<double> row_loss(static_cast<size_t>(args.rows));
  const auto weight = [&](int r) { return args.weights ? args.weights[r] : 1.0; };
  for (int r = 0; r < args.rows; ++r)
    scale[static_cast<size_t>(r)] = static_cast<T>(weight(r) * args.loss.scale / args.divisor);
  if (args.outputs > 0) {
    kernel.rows({.prediction = chainrule::constant(prediction.panels()),
                 .target = chainrule::constant(target.panels()),
                 .classes = args.classes,
                 .gradient = gradient.panels(),
                 .width = args.outputs,
                 .parameters = parameters,
                 .scale = scale.data(),
                 .row_loss = row_loss.data()},
                {0, args.rows});
  }
  out_of_panels(gradient, args.rows, args.outputs, {args.gradient, args.outputs});
  double sum = 0;
  for (int r = 0; r < args.rows; ++r) sum += weight(r) * args.loss.scale * row_loss[static_cast<size_t>(r)];
  return sum;
}

template <typename T>
void RowMajorKernels<T>::dropout_mask(const DropoutMask& mask, int rows, int columns, T* factors) const {
  const CallPanels<T> panels(rows, columns);
  kernels.dropout_mask(mask, panels.panels(), columns, {0, rows});
  out_of_panels(panels, rows, columns, {factors, columns});
}

template <typename T>
ptrdiff_t RowMajorKernels<T>::first_not_finite(const T* values, ptrdiff_t count, int threads,
                                               CallResources& resources) const {
  if (threads == 1 || count * kElementwiseCost <= kSharedWork) return kernels.first_not_finite(values, count);
  std::atomic<ptrdiff_t> first = count;
  auto search = [&](Range parts) {
    const ptrdiff_t begin = count / threads * parts.begin;
    const ptrdiff_t end = parts.end == threads ? count : count / threads * parts.end;
    const ptrdiff_t found = kernels.first_not_finite(values + begin, end - begin);
    if (found < 0) return;
    ptrdiff_t lowest = first;
    while (begin + found < lowest && !first.compare_exchange_weak(lowest, begin + found)) {
    }
  };
  for_range(resources.team(threads), count * kElementwiseCost, threads, search, {.chunks = 1});
  return first == count ? -1 : first.load();
}

template struct RowMajorKernels<float>;
template struct RowMajorKernels<double>;

}  // namespace chainrule
