#include "kernels_binding.h"

#include "../isa/dispatch.h"
#include "../training/row_major.h"
#include "arguments.h"

namespace chainrule {
namespace {

const InstructionSet& instruction_set(Napi::Env env, Napi::Value name) {
  const std::string text = name.ToString().Utf8Value();
  const InstructionSet* isa = find_instruction_set(text);
  if (!isa) {
    throw typed_error(env, "BACKEND_UNAVAILABLE", "expected an instruction set of this machine for isa, got " + text);
  }
  return *isa;
}

ActivationPlan optional_activation(const Arguments& args, const char* name) {
  return args.has(name) ? read_activation(args.object(name)) : ActivationPlan{"identity", {}};
}

template <typename T>
Matrix<T> optional_matrix(const Arguments& args, const char* name, int rows, int columns, ptrdiff_t leading) {
  return {args.has(name) ? args.matrix<T>(name, rows, columns, leading) : nullptr, leading};
}

// What a function gemm is bound to. Its sizes, an Int32Array, are m, n, k, lda, ldb, ldc, flags and threads.
template <typename T>
struct BoundGemm {
  const KernelTable<T>& table;
  const Napi::Reference<Napi::Value> array;  // keeps the sizes alive
  const int32_t* const sizes;
};

// (a, b, c), the sizes being in the array it is bound to: a small product takes a microsecond, reading an object's
// fields several, and asking where one more array lies 3 % of it.
template <typename T>
void gemm(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const BoundGemm<T>& to = *static_cast<const BoundGemm<T>*>(info.Data());
  const int32_t* const sizes = to.sizes;
  const int m = sizes[0], n = sizes[1], k = sizes[2], flags = sizes[6], threads = sizes[7];
  const ptrdiff_t lda = sizes[3], ldb = sizes[4], ldc = sizes[5];
  constexpr int kTransposeA = 1, kTransposeB = 2, kAccumulate = 4;
  if (m < 0 || n < 0 || k < 0 || m > Arguments::kLargestSize || n > Arguments::kLargestSize ||
      k > Arguments::kLargestSize || threads < 1 || threads > Arguments::kMostThreads) {
    throw typed_error(env, "INVALID_ARGUMENT", "expected integers in range for m, n, k and threads");
  }
  const auto matrix = [&](size_t argument, const char* name, int rows, int columns, ptrdiff_t leading) {
    const int64_t span = matrix_span(env, name, rows, columns, leading);
    return static_cast<T*>(memory_of_known_type(info[argument], name, span));
  };
  const bool transpose_a = (flags & kTransposeA) != 0, transpose_b = (flags & kTransposeB) != 0;
  const Gemm<T> product = {.m = m,
                           .n = n,
                           .k = k,
                           .a = transpose_a ? matrix(0, "a", k, m, lda) : matrix(0, "a", m, k, lda),
                           .a_row = transpose_a ? 1 : lda,
                           .a_column = transpose_a ? lda : 1,
                           .b = transpose_b ? matrix(1, "b", n, k, ldb) : matrix(1, "b", k, n, ldb),
                           .b_row = transpose_b ? 1 : ldb,
                           .b_column = transpose_b ? ldb : 1,
                           .c = matrix(2, "c", m, n, ldc),
                           .ldc = ldc,
                           .accumulate = (flags & kAccumulate) != 0,
                           .workspace = nullptr};
  const RowMajorKernels<T> kernels = {to.table};
  guarded(env, [&] { kernels.gemm(product, threads, env.GetInstanceData<InstanceData>()->resources); });
}

template <typename T>
void dense_forward(const RowMajorKernels<T>& kernels, const Arguments& args) {
  const int rows = args.size("rows"), inputs = args.size("inputs"), units = args.size("units");
  const ptrdiff_t ldx = args.size("ldx"), ldw = args.size("ldw"), ldo = args.size("ldo");
  kernels.dense_forward({.rows = rows,
                         .inputs = inputs,
                         .units = units,
                         .x = {args.matrix<T>("x", rows, inputs, ldx), ldx},
                         .weights = {args.matrix<T>("weights", inputs, units, ldw), ldw},
                         .bias = args.optional_array<T>("bias", units),
                         .activation = read_activation(args.object("activation")),
                         .pre_activation = optional_matrix<T>(args, "preActivation", rows, units, ldo),
                         .output = {args.matrix<T>("output", rows, units, ldo), ldo}});
}

template <typename T>
RowMajorUpdate<T> read_update(const Arguments& args, const KernelTable<T>& table, int inputs, int units, bool bias) {
  RowMajorUpdate<T> update = {.optimizer = read_optimizer(args.object("optimizer")),
                              .learning_rate = args.number("learningRate"),
                              .step = args.integer("step"),
                              .weight_slots = {},
                              .bias_slots = {}};
  int slots = 0;
  for (int i = 0; i < table.optimizer_count; ++i) {
    if (update.optimizer.kernel == table.optimizers[i].name) slots = table.optimizers[i].slots;
  }
  const size_t count = static_cast<size_t>(slots);
  const auto weights = args.arrays<T>("weightSlots", std::vector<int64_t>(count, int64_t{inputs} * units));
  std::copy(weights.begin(), weights.end(), update.weight_slots);
  if (!bias) return update;
  const auto biases = args.arrays<T>("biasSlots", std::vector<int64_t>(count, units));
  std::copy(biases.begin(), biases.end(), update.bias_slots);
  return update;
}

template <typename T>
void dense_backward(const RowMajorKernels<T>& kernels, const Arguments& args) {
  const int rows = args.size("rows"), inputs = args.size("inputs"), units = args.size("units");
  const ptrdiff_t ldd = args.size("ldd"), ldw = args.size("ldw"), ldx = args.size("ldx"), ldg = args.size("ldg");
  T* const bias = args.optional_array<T>("bias", units);
  RowMajorUpdate<T> update;
  const bool updates = args.has("update");
  if (updates) update = read_update<T>(args.object("update"), kernels.kernels, inputs, units, bias != nullptr);
  kernels.dense_backward({.rows = rows,
                          .inputs = inputs,
                          .units = units,
                          .delta = {args.matrix<T>("delta", rows, units, ldd), ldd},
                          .weights = {args.matrix<T>("weights", inputs, units, ldw), ldw},
                          .bias = bias,
                          .x = optional_matrix<const T>(args, "x", rows, inputs, ldx),
                          .input_activation = optional_activation(args, "inputActivation"),
                          .saved = optional_matrix<const T>(args, "saved", rows, inputs, ldx),
                          .input_gradient = optional_matrix<T>(args, "inputGradient", rows, inputs, ldg),
                          .weight_gradient = args.optional_array<T>("weightGradient", int64_t{inputs} * units),
                          .bias_gradient = args.optional_array<T>("biasGradient", units),
                          .update = updates ? &update : nullptr});
}

template <typename T>
void activation_forward(const RowMajorKernels<T>& kernels, const Arguments& args) {
  const int rows = args.size("rows"), columns = args.size("columns");
  const int64_t count = int64_t{rows} * columns;
  kernels.activation_forward(read_activation(args.object("activation")), rows, columns, args.array<T>("input", count),
                             args.array<T>("output", count));
}

template <typename T>
void activation_backward(const RowMajorKernels<T>& kernels, const Arguments& args) {
  const int rows = args.size("rows"), columns = args.size("columns");
  const int64_t count = int64_t{rows} * columns;
  kernels.activation_backward(read_activation(args.object("activation")), rows, columns, args.array<T>("saved", count),
                              args.array<T>("gradient", count), args.array<T>("delta", count));
}

template <typename T>
double loss(const RowMajorKernels<T>& kernels, const Arguments& args) {
  const int rows = args.size("rows"), outputs = args.size("outputs");
  const int64_t count = int64_t{rows} * outputs;
  const int32_t* const classes = args.optional_array<int32_t>("classes", rows);
  for (int r = 0; classes && r < rows; ++r) {
    if (classes[r] < 0 || classes[r] >= outputs) {
      throw typed_error(
          args.env(), "INVALID_ARGUMENT",
          "expected a class below " + std::to_string(outputs) + " for classes, got " + std::to_string(classes[r]));
    }
  }
  return kernels.loss({.rows = rows,
                       .outputs = outputs,
                       .loss = read_loss(args.object("loss")),
                       .prediction = args.array<T>("prediction", count),
                       .y = classes ? nullptr : args.array<T>("y", count),
                       .classes = classes,
                       .weights = args.optional_array<double>("weights", rows),
                       .divisor = args.number("divisor"),
                       .gradient = args.array<T>("gradient", count)});
}

template <typename T>
void dropout_mask(const RowMajorKernels<T>& kernels, const Arguments& args) {
  const int rows = args.size("rows"), columns = args.size("columns");
  constexpr int64_t kLargest = std::numeric_limits<uint32_t>::max();
  const DropoutMask mask = {.rate = args.number("rate"),
                            .seed = static_cast<uint32_t>(args.integer("seed", 0, kLargest)),
                            .update = static_cast<uint32_t>(args.integer("update", 0, kLargest)),
                            .layer = static_cast<uint32_t>(args.integer("layer", 0, kLargest)),
                            .first_row = 0};
  kernels.dropout_mask(mask, rows, columns, args.array<T>("mask", int64_t{rows} * columns));
}

template <typename T>
Napi::Value run_kernel(const KernelTable<T>& table, const std::string& name, const Arguments& args) {
  const RowMajorKernels<T> kernels = {table};
  const Napi::Env env = args.env();
  const auto done = [env](auto call) {
    call();
    return env.Undefined();
  };
  if (name == "denseForward") return done([&] { dense_forward(kernels, args); });
  if (name == "denseBackward") return done([&] { dense_backward(kernels, args); });
  if (name == "activationForward") return done([&] { activation_forward(kernels, args); });
  if (name == "activationBackward") return done([&] { activation_backward(kernels, args); });
  if (name == "loss") return Napi::Number::New(env, loss(kernels, args));
  if (name == "dropoutMask") return done([&] { dropout_mask(kernels, args); });
  throw typed_error(env, "INVALID_ARGUMENT", "expected the name of a kernel for name, got " + name);
}

// Calls visit with the table of the dtype named by `dtype`.
template <typename Visit>
auto with_table(const InstructionSet& isa, Napi::Value dtype, Visit visit) {
  if (dtype.ToString().Utf8Value() == "float64") return visit(isa.float64);
  return visit(isa.float32);
}

// (isa, dtype, name, arguments)
Napi::Value kernel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const InstructionSet& isa = instruction_set(info.Env(), info[0]);
    const Arguments args(info[3]);
    return with_table(isa, info[1],
                      [&](const auto& table) { return run_kernel(table, info[2].ToString().Utf8Value(), args); });
  });
}

// (array, from, to, threads): where the first number that is not finite lies, or -1.
template <typename T>
Napi::Value first_not_finite(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int64_t from = info[1].As<Napi::Number>().Int64Value(), to = info[2].As<Napi::Number>().Int64Value();
  const int64_t threads = info[3].As<Napi::Number>().Int64Value();
  if (from < 0 || to < from || threads < 1 || threads > Arguments::kMostThreads) {
    throw typed_error(env, "INVALID_ARGUMENT", "expected a range within the array, and integers in range for threads");
  }
  const T* const array = static_cast<const T*>(memory_of_known_type(info[0], "array", to));
  const RowMajorKernels<T> kernels = {*static_cast<const KernelTable<T>*>(info.Data())};
  const ptrdiff_t position = guarded(env, [&] {
    return kernels.first_not_finite(array + from, static_cast<ptrdiff_t>(to - from), static_cast<int>(threads),
                                    env.GetInstanceData<InstanceData>()->resources);
  });
  return Napi::Number::New(env, static_cast<double>(position < 0 ? -1 : from + position));
}

// Functions that are called often for little are bound to what would be the same in each call.

// (isa, dtype, sizes): the function gemm of these.
Napi::Value gemm_of(const Napi::CallbackInfo& info) {
  return with_table(instruction_set(info.Env(), info[0]), info[1], [&]<typename T>(const KernelTable<T>& table) {
    constexpr int kSizes = 8;
    void* const sizes = memory_of(info[2], "sizes", kArrayType<int32_t>, kSizes);
    auto* const to =
        new BoundGemm<T>{table, Napi::Reference<Napi::Value>::New(info[2], 1), static_cast<int32_t*>(sizes)};
    const Napi::Function function = Napi::Function::New<gemm<T>>(info.Env(), "gemm", to);
    function.AddFinalizer([](Napi::Env, BoundGemm<T>* bound) { delete bound; }, to);
    return function;
  });
}

// (isa, dtype): the function first_not_finite of these.
Napi::Value first_not_finite_of(const Napi::CallbackInfo& info) {
  return with_table(instruction_set(info.Env(), info[0]), info[1], [&]<typename T>(const KernelTable<T>& table) {
    return Napi::Function::New<first_not_finite<T>>(info.Env(), "firstNotFinite", const_cast<KernelTable<T>*>(&table));
  });
}

Napi::Value instruction_sets(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const InstructionSet* isa : supported_instruction_sets()) names.Set(names.Length(), isa->name);
  return names;
}

// (isa, dtype, rounds): floating-point operations done in registers by this thread.
Napi::Value peak(const Napi::CallbackInfo& info) {
  const InstructionSet& isa = instruction_set(info.Env(), info[0]);
  const int64_t rounds = info[2].ToNumber().Int64Value();
  return Napi::Number::New(info.Env(), with_table(isa, info[1], [&](const auto& table) { return table.peak(rounds); }));
}

Napi::Object entry(Napi::Env env, const char* name, int parameters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", name);
  object.Set("parameters", parameters);
  return object;
}

// What is compiled in, as TypeScript's RegistryListing.
Napi::Value registry(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const KernelTable<float>& table = instruction_set(env, info[0]).float32;
  Napi::Array activations = Napi::Array::New(env);
  for (int i = 0; i < table.activation_count; ++i) {
    const auto& kernel = table.activations[i];
    Napi::Object object = entry(env, kernel.name, kernel.parameters);
    object.Set("saves", kernel.saves_pre_activation ? "preActivation" : "output");
    object.Set("rowwise", kernel.rowwise());
    activations.Set(activations.Length(), object);
  }
  Napi::Array losses = Napi::Array::New(env);
  for (int i = 0; i < table.loss_count; ++i) {
    losses.Set(losses.Length(), entry(env, table.losses[i].name, table.losses[i].parameters));
  }
  Napi::Array optimizers = Napi::Array::New(env);
  for (int i = 0; i < table.optimizer_count; ++i) {
    Napi::Object object = entry(env, table.optimizers[i].name, table.optimizers[i].parameters);
    object.Set("slots", table.optimizers[i].slots);
    optimizers.Set(optimizers.Length(), object);
  }
  Napi::Object listing = Napi::Object::New(env);
  listing.Set("activations", activations);
  listing.Set("losses", losses);
  listing.Set("optimizers", optimizers);
  return listing;
}

}  // namespace

void export_kernels(Napi::Env env, Napi::Object exports) {
  exports.Set("instructionSets", Napi::Function::New(env, instruction_sets));
  exports.Set("registry", Napi::Function::New(env, registry));
  exports.Set("peak", Napi::Function::New(env, peak));
  exports.Set("firstNotFinite", Napi::Function::New(env, first_not_finite_of));
  exports.Set("kernel", Napi::Function::New(env, kernel));
  exports.Set("gemm", Napi::Function::New(env, gemm_of));
}

}  // namespace chainrule
