#include "trainer_binding.h"

#include <memory>

#include "../isa/dispatch.h"
#include "../training/trainer.h"
#include "arguments.h"
#include "run.h"

namespace chainrule {
namespace {

const char* name_of(Ended ended) {
  return ended == Ended::kComplete ? "complete" : ended == Ended::kCancelled ? "cancelled" : "notFinite";
}

Napi::Object to_js(Napi::Env env, const TrainingReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("updates", static_cast<double>(report.updates));
  object.Set("ended", name_of(report.ended));
  return object;
}

Napi::Value to_js(Napi::Env env, double number) { return Napi::Number::New(env, number); }

Napi::Object to_js(Napi::Env env, const EvaluationReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("lossSum", report.loss_sum);
  object.Set("penalty", report.penalty);
  object.Set("ended", name_of(report.ended));
  return object;
}

// new Trainer(isa, plan)
class TrainerBinding : public Napi::ObjectWrap<TrainerBinding> {
 public:
  explicit TrainerBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerBinding>(info) {
    const Arguments plan(info[1], "plan");
    plan_ = read_plan(plan);
    double_precision_ = plan.text("dtype") == "float64";
    const std::string name = info[0].ToString().Utf8Value();
    const InstructionSet* isa = find_instruction_set(name);
    if (!isa)
      throw typed_error(info.Env(), "BACKEND_UNAVAILABLE", "expected an instruction set of this machine, got " + name);
    guarded(info.Env(), [&] {
      trainer_ = double_precision_ ? make_trainer(plan_, isa->float64) : make_trainer(plan_, isa->float32);
    });
    // Parameters, their gradients and an optimizer's state: what the collector cannot see.
    constexpr int64_t kArraysPerParameter = 4;
    for (const int64_t size : trainer_->parameter_sizes())
      memory_ += size * kArraysPerParameter * (double_precision_ ? 8 : 4);
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), memory_);
  }

  void Finalize(Napi::Env env) override { Napi::MemoryManagement::AdjustExternalMemory(env, -memory_); }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Trainer",
                       {
                           InstanceMethod<&TrainerBinding::set_parameters>("setParameters"),
                           InstanceMethod<&TrainerBinding::get_parameters>("getParameters"),
                           InstanceMethod<&TrainerBinding::train>("train"),
                           InstanceMethod<&TrainerBinding::train_sync>("trainSync"),
                           InstanceMethod<&TrainerBinding::evaluate>("evaluate"),
                           InstanceMethod<&TrainerBinding::evaluate_sync>("evaluateSync"),
                           InstanceMethod<&TrainerBinding::predict_sync>("predictSync"),
                           InstanceMethod<&TrainerBinding::gradients>("gradients"),
                           InstanceMethod<&TrainerBinding::gradients_sync>("gradientsSync"),
                           InstanceMethod<&TrainerBinding::forward_sync>("forwardSync"),
                           InstanceMethod<&TrainerBinding::backward_sync>("backwardSync"),
                           InstanceMethod<&TrainerBinding::apply_gradients_sync>("applyGradientsSync"),
                           InstanceMethod<&TrainerBinding::find_not_finite>("findNotFinite"),
                           InstanceMethod<&TrainerBinding::cancel>("cancel"),
                           InstanceMethod<&TrainerBinding::dispose>("dispose"),
                       });
  }

 private:
  Napi::Value set_parameters(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    const std::vector<void*> arrays = parameter_arrays(info.Env(), info[0], "parameters");
    trainer.set_parameters({arrays.begin(), arrays.end()});
    return info.Env().Undefined();
  }

  Napi::Value get_parameters(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    trainer.get_parameters(parameter_arrays(info.Env(), info[0], "parameters"));
    return info.Env().Undefined();
  }

  Napi::Value train(const Napi::CallbackInfo& info) {
    const TrainingJob job = read_training(Arguments(info[0], "job"));
    return run<TrainingReport>(info, [job](Trainer& trainer, ThreadTeam& team) { return trainer.train(job, team); });
  }
  Napi::Value train_sync(const Napi::CallbackInfo& info) {
    const TrainingJob job = read_training(Arguments(info[0], "job"));
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    return guarded(info.Env(), [&] { return to_js(info.Env(), trainer.train(job, team(info.Env()))); });
  }

  Napi::Value evaluate(const Napi::CallbackInfo& info) {
    const EvaluationJob job = read_evaluation(Arguments(info[0], "job"));
    return run<EvaluationReport>(info,
                                 [job](Trainer& trainer, ThreadTeam& team) { return trainer.evaluate(job, team); });
  }
  Napi::Value evaluate_sync(const Napi::CallbackInfo& info) {
    const EvaluationJob job = read_evaluation(Arguments(info[0], "job"));
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    return guarded(info.Env(), [&] { return to_js(info.Env(), trainer.evaluate(job, team(info.Env()))); });
  }

  // (x, rows, batchSize, outputs): not in an object, whose properties would take longer than a small network.
  Napi::Value predict_sync(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    int64_t length;
    const Numbers x = numbers_of(info[0], "x", length);
    const int64_t rows = info[1].As<Napi::Number>().Int64Value();
    if (rows < 0 || rows > length || rows * plan_.inputs > length) {
      throw typed_error(info.Env(), "SHAPE_MISMATCH", "expected rows within x");
    }
    const int64_t batch_size = info[2].As<Napi::Number>().Int64Value();
    if (batch_size < 1) throw typed_error(info.Env(), "INVALID_ARGUMENT", "expected at least one row for batchSize");
    const Samples samples = {.rows = rows, .x = x, .y = {}, .classes = nullptr, .weights = nullptr};
    const EvaluationJob job = {.samples = samples,
                               .from = 0,
                               .rows = rows,
                               .batch_size = batch_size,
                               .has_loss = false,
                               .loss = {},
                               .outputs = memory_of_known_type(info[3], "outputs", rows * plan_.outputs)};
    guarded(info.Env(), [&] { trainer.evaluate(job, team(info.Env())); });
    return info.Env().Undefined();
  }

  Napi::Value gradients(const Napi::CallbackInfo& info) {
    alive(info.Env());
    const GradientJob job = read_gradients(Arguments(info[0], "job"));
    return run<double>(info, [job](Trainer& trainer, ThreadTeam& team) { return trainer.gradients(job, team); });
  }
  Napi::Value gradients_sync(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    const GradientJob job = read_gradients(Arguments(info[0], "job"));
    return guarded(info.Env(), [&] { return to_js(info.Env(), trainer.gradients(job, team(info.Env()))); });
  }

  Napi::Value forward_sync(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    const Arguments args(info[0], "job");
    const Samples samples = read_samples(args, plan_);
    const int64_t rows = args.integer("rows", 0, std::min<int64_t>(samples.rows, Arguments::kLargestSize));
    const ForwardJob job = {.samples = samples,
                            .rows = rows,
                            .training = args.flag("training"),
                            .update = args.integer("update"),
                            .outputs = dtype_array(args, "outputs", rows * plan_.outputs)};
    guarded(info.Env(), [&] { trainer.forward(job, team(info.Env())); });
    return info.Env().Undefined();
  }

  Napi::Value backward_sync(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    const Arguments args(info[0], "job");
    const int64_t rows = trainer.forward_rows();
    if (rows == 0) {
      throw typed_error(info.Env(), "INVALID_ARGUMENT",
                        "expected a forward pass before backward, got none since the last job");
    }
    const BackwardJob job = {
        .output_gradient = dtype_array(args, "outputGradient", rows * plan_.outputs),
        .input_gradient = args.has("inputGradient") ? dtype_array(args, "inputGradient", rows * plan_.inputs) : nullptr,
        .parameters = args.flag("parameters")};
    guarded(info.Env(), [&] { trainer.backward(job, team(info.Env())); });
    return info.Env().Undefined();
  }

  Napi::Value apply_gradients_sync(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    const Arguments args(info[0], "job");
    const ApplyJob job = {.optimizer = read_optimizer(args.object("optimizer")),
                          .learning_rate = args.number("learningRate"),
                          .optimizer_step = args.integer("optimizerStep"),
                          .clip = read_clip(args)};
    guarded(info.Env(), [&] { trainer.apply_gradients(job, team(info.Env())); });
    return info.Env().Undefined();
  }

  Napi::Value find_not_finite(const Napi::CallbackInfo& info) {
    Trainer& trainer = alive(info.Env());
    const Turn turn(info.Env(), trainer);
    const std::string name = info[0].ToString().Utf8Value();
    const Among among = name == "parameters" ? Among::kParameters
                        : name == "outputs"  ? Among::kOutputs
                                             : Among::kGradients;
    return Napi::Number::New(info.Env(), trainer.find_not_finite(among));
  }

  Napi::Value cancel(const Napi::CallbackInfo& info) {
    if (trainer_) trainer_->cancel();
    return info.Env().Undefined();
  }

  // A running job keeps the trainer until it has ended, which is after the batch it is at.
  Napi::Value dispose(const Napi::CallbackInfo& info) {
    if (trainer_) trainer_->cancel();
    trainer_.reset();
    return info.Env().Undefined();
  }

  Trainer& alive(Napi::Env env) const {
    if (!trainer_) throw typed_error(env, "DISPOSED", "expected a live network, got one that was disposed of");
    return *trainer_;
  }

  template <typename Report, typename Job>
  Napi::Value run(const Napi::CallbackInfo& info, Job job) {
    Trainer& trainer = alive(info.Env());
    if (!trainer.try_acquire())
      throw typed_error(info.Env(), "BUSY", "expected an idle network, got one that is at work");
    const auto report = std::make_shared<Report>();
    return Run::start(
        info.Env(), trainer_, info.This().As<Napi::Object>(), info[0].As<Napi::Object>(),
        [report, job, &trainer, threads = plan_.threads] {
          ThreadTeam team(threads);
          *report = job(trainer, team);
        },
        [report](Napi::Env env) { return to_js(env, *report); });
  }

  // For jobs on the JavaScript thread.
  ThreadTeam& team(Napi::Env env) const { return env.GetInstanceData<InstanceData>()->resources.team(plan_.threads); }

  void* dtype_array(const Arguments& args, const char* name, int64_t length) const {
    if (double_precision_) return args.array<double>(name, length);
    return args.array<float>(name, length);
  }

  std::vector<void*> parameter_arrays(Napi::Env env, Napi::Value value, const char* name) const {
    Napi::Object holder = Napi::Object::New(env);
    holder.Set(name, value);
    const Arguments args(holder);
    const std::vector<int64_t> sizes = trainer_->parameter_sizes();
    std::vector<void*> found;
    if (double_precision_) {
      for (double* array : args.arrays<double>(name, sizes)) found.push_back(array);
    } else {
      for (float* array : args.arrays<float>(name, sizes)) found.push_back(array);
    }
    return found;
  }

  TrainingJob read_training(const Arguments& args) const {
    TrainingJob job = {.samples = read_samples(args.object("samples"), plan_),
                       .order = args.array<uint32_t>("order", 0),
                       .order_length = args.array_length("order"),
                       .epoch_rows = args.integer("epochRows", 1),
                       .batch_size = args.integer("batchSize", 1),
                       .pass_rows = args.has("passRows") ? args.integer("passRows", 1) : 0,
                       .loss = read_loss(args.object("loss")),
                       .optimizer = read_optimizer(args.object("optimizer")),
                       .clip = read_clip(args),
                       .learning_rates = args.array<double>("learningRates", 1),
                       .learning_rate_count = args.array_length("learningRates"),
                       .first_update = args.integer("firstUpdate"),
                       .optimizer_step = args.integer("optimizerStep"),
                       .losses = nullptr,
                       .penalties = nullptr,
                       .gradient_norms = nullptr,
                       .outputs = nullptr};
    const auto batches_in = [&](int64_t rows) { return (rows + job.batch_size - 1) / job.batch_size; };
    const int64_t batches =
        job.order_length / job.epoch_rows * batches_in(job.epoch_rows) + batches_in(job.order_length % job.epoch_rows);
    job.losses = args.array<double>("losses", batches);
    job.penalties = args.optional_array<double>("penalties", batches);
    job.gradient_norms =
        args.optional_array<double>("gradientNorms", batches * static_cast<int64_t>(plan_.layers.size()));
    if (job.learning_rate_count != 1) args.array<double>("learningRates", batches);
    if (args.has("outputs")) job.outputs = dtype_array(args, "outputs", job.order_length * plan_.outputs);
    require_targets(args, job.samples);
    return job;
  }

  EvaluationJob read_evaluation(const Arguments& args) const {
    const Samples samples = read_samples(args.object("samples"), plan_);
    EvaluationJob job = {.samples = samples,
                         .from = args.integer("from", 0, samples.rows),
                         .rows = args.integer("rows", 0),
                         .batch_size = args.integer("batchSize", 1),
                         .has_loss = args.has("loss"),
                         .loss = {},
                         .outputs = nullptr};
    if (job.from + job.rows > samples.rows)
      throw typed_error(args.env(), "SHAPE_MISMATCH", "expected rows within the samples");
    if (job.has_loss) {
      job.loss = read_loss(args.object("loss"));
      require_targets(args, samples);
    }
    if (args.has("outputs")) job.outputs = dtype_array(args, "outputs", job.rows * plan_.outputs);
    return job;
  }

  GradientJob read_gradients(const Arguments& args) const {
    const Samples samples = read_samples(args.object("samples"), plan_);
    require_targets(args, samples);
    const int64_t rows = args.integer("rows", 0, samples.rows);
    return {.samples = samples,
            .rows = rows,
            .loss = read_loss(args.object("loss")),
            .first_update = args.integer("firstUpdate"),
            .gradients = parameter_arrays(args.env(), args.raw().Get("gradients"), "gradients"),
            .input_gradient =
                args.has("inputGradient") ? dtype_array(args, "inputGradient", rows * plan_.inputs) : nullptr};
  }

  static void require_targets(const Arguments& args, const Samples& samples) {
    if (!samples.y.data && !samples.classes && samples.rows > 0) {
      throw typed_error(args.env(), "INVALID_ARGUMENT", "expected y or classes for a loss");
    }
  }

  Plan plan_;
  bool double_precision_;
  int64_t memory_ = 0;
  std::shared_ptr<Trainer> trainer_;
};

}  // namespace

void export_trainer(Napi::Env env, Napi::Object exports) { exports.Set("Trainer", TrainerBinding::define(env)); }

}  // namespace chainrule
