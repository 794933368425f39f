// A small network trained on every instruction set of this machine, in both precisions and on 1 to 3 threads.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "../isa/dispatch.h"
#include "../training/trainer.h"
#include "instruction_sets.h"

namespace chainrule {
namespace {

struct Workload {
  int rows, inputs, hidden, outputs, batch;
  std::string optimizer;
  std::vector<double> parameters;
  bool normalizes = true;
};

// Wide enough for shared phases; the sizes leave remainders in every tile. The second has batches in several passes.
// The next two have layers that threads go through with rows of their own: all of them, and those above the third. The
// last ones are online learning, the second of them with steps enough for a trial of who takes them, and batches of a
// few rows.
const Workload kWorkloads[] = {
    {203, 70, 133, 10, 64, "adam", {0.9, 0.999, 1e-8, 0}},
    {1300, 37, 45, 3, 1200, "momentum", {0.9, 0, 1, 0.01}},
    {9, 3, 5, 2, 4, "sgd", {0}},
    {300, 40, 48, 5, 250, "adam", {0.9, 0.999, 1e-8, 0}, false},
    {103, 300, 261, 10, 100, "sgd", {0}, false},
    {5, 700, 261, 10, 1, "adam", {0.9, 0.999, 1e-8, 0}, false},
    {90, 40, 183, 5, 1, "sgd", {0}, false},
    {8, 300, 261, 10, 3, "momentum", {0.9, 0, 1, 0}, false},
};

template <typename T>
struct Result {
  std::vector<double> losses;
  std::vector<std::vector<T>> parameters;
};

Plan plan_of(const Workload& work, int threads) {
  using Kind = LayerPlan::Kind;
  const int inputs = work.inputs, hidden = work.hidden;
  Plan plan = {.inputs = inputs, .outputs = work.outputs, .layers = {}, .seed = 7, .threads = threads};
  if (work.normalizes) {
    plan.layers = {
        {.kind = Kind::kDense, .inputs = inputs, .units = hidden, .activation = {"tanh", {}}, .bias = true},
        {.kind = Kind::kDropout, .inputs = hidden, .units = hidden, .rate = 0.25},
        {.kind = Kind::kBatchNormalization, .inputs = hidden, .units = hidden, .momentum = 0.1, .epsilon = 1e-5},
        {.kind = Kind::kDense,
         .inputs = hidden,
         .units = hidden,
         .activation = {"relu", {}},
         .l1 = 1e-4,
         .l2 = 1e-3,
         .max_norm = 1.5},
        {.kind = Kind::kLayerNormalization, .inputs = hidden, .units = hidden, .epsilon = 1e-5},
        {.kind = Kind::kActivation, .inputs = hidden, .units = hidden, .activation = {"gelu", {}}}};
  } else {
    plan.layers = {{.kind = Kind::kDense, .inputs = inputs, .units = hidden, .activation = {"relu", {}}},
                   {.kind = Kind::kDense, .inputs = hidden, .units = hidden, .activation = {"relu", {}}},
                   {.kind = Kind::kDense, .inputs = hidden, .units = hidden, .activation = {"softmax", {}}},
                   {.kind = Kind::kDropout, .inputs = hidden, .units = hidden, .rate = 0.25},
                   {.kind = Kind::kActivation, .inputs = hidden, .units = hidden, .activation = {"logSoftmax", {}}}};
  }
  plan.layers.push_back(
      {.kind = Kind::kDense, .inputs = hidden, .units = work.outputs, .activation = {"softmax", {}}, .bias = true});
  return plan;
}

template <typename T>
Result<T> train(const InstructionSet& isa, const Workload& work, int threads) {
  std::mt19937 random(5);
  const auto uniform = [&] { return static_cast<T>(random() * 0x1p-32 - 0.5); };
  std::vector<T> x(static_cast<size_t>(work.rows) * work.inputs);
  for (T& value : x) value = uniform();
  std::vector<int32_t> classes(work.rows);
  std::vector<uint32_t> order;
  for (int i = 0; i < work.rows; ++i) classes[i] = x[static_cast<size_t>(i) * work.inputs] > 0 ? 1 : 0;
  constexpr int kEpochs = 2;
  for (int i = 0; i < kEpochs * work.rows; ++i) order.push_back(random() % work.rows);

  const Plan plan = plan_of(work, threads);
  const std::unique_ptr<Trainer> trainer = make_trainer(plan, table_of<T>(isa));
  ThreadTeam team(threads);
  Result<T> result;
  for (const int64_t size : trainer->parameter_sizes()) {
    result.parameters.emplace_back(size);
    // Vectors as wide as the hidden layers may be a moving variance: above zero.
    const T center = size == work.hidden ? T{0.5} : T{0};
    for (T& value : result.parameters.back()) value = center + uniform() / 4;
  }
  std::vector<void*> arrays;
  for (auto& array : result.parameters) arrays.push_back(array.data());
  trainer->set_parameters({arrays.begin(), arrays.end()});

  const double learning_rate = 0.05;
  const int batches = (work.rows + work.batch - 1) / work.batch;
  result.losses.resize(static_cast<size_t>(kEpochs * batches));
  std::vector<T> outputs(order.size() * work.outputs);
  const Samples samples = {.rows = work.rows,
                           .x = {x.data(), sizeof(T) == 4 ? ElementType::kFloat32 : ElementType::kFloat64},
                           .y = {},
                           .classes = classes.data(),
                           .weights = nullptr};
  const LossPlan loss = {"softmaxCrossEntropy", true, {0}, 1, true};
  const TrainingReport report = trainer->train({.samples = samples,
                                                .order = order.data(),
                                                .order_length = static_cast<int64_t>(order.size()),
                                                .epoch_rows = work.rows,
                                                .batch_size = work.batch,
                                                .loss = loss,
                                                .optimizer = {work.optimizer, work.parameters},
                                                .learning_rates = &learning_rate,
                                                .learning_rate_count = 1,
                                                .first_update = 0,
                                                .optimizer_step = 0,
                                                .losses = result.losses.data(),
                                                .outputs = outputs.data()},
                                               team);
  CHECK(report.ended == Ended::kComplete);
  CHECK(report.updates == kEpochs * batches);
  trainer->get_parameters(arrays);

  const EvaluationReport evaluation = trainer->evaluate({.samples = samples,
                                                         .from = 1,
                                                         .rows = work.rows - 1,
                                                         .batch_size = work.batch,
                                                         .has_loss = true,
                                                         .loss = loss,
                                                         .outputs = outputs.data()},
                                                        team);
  result.losses.push_back(evaluation.loss_sum);

  std::vector<std::vector<T>> gradients = result.parameters;
  std::vector<void*> into;
  for (auto& array : gradients) into.push_back(array.data());
  std::vector<T> input_gradient(x.size());
  result.losses.push_back(trainer->gradients({.samples = samples,
                                              .rows = work.rows,
                                              .loss = loss,
                                              .first_update = report.updates,
                                              .gradients = into,
                                              .input_gradient = input_gradient.data()},
                                             team));
  for (auto& array : gradients) result.parameters.push_back(array);

  std::vector<T> way_back(x.size());
  trainer->forward({.samples = samples, .rows = work.rows, .training = true, .update = 9, .outputs = outputs.data()},
                   team);
  CHECK(trainer->forward_rows() == work.rows);
  trainer->backward({.output_gradient = outputs.data(), .input_gradient = way_back.data(), .parameters = true}, team);
  trainer->apply_gradients({.optimizer = {work.optimizer, work.parameters},
                            .learning_rate = learning_rate,
                            .optimizer_step = report.updates,
                            .clip = {.norm = 0.5, .value = 0.1}},
                           team);
  trainer->get_parameters(arrays);
  result.parameters.push_back(way_back);
  result.parameters.push_back(input_gradient);
  return result;
}

template <typename T>
void same_bits(const Result<T>& a, const Result<T>& b) {
  CHECK(a.losses == b.losses);
  CHECK(a.parameters == b.parameters);
}

TEST_CASE_TEMPLATE("training gives the same bits for any number of threads and any SIMD instruction set", T, float,
                   double) {
  for (const Workload& work : kWorkloads) {
    const Result<T>* simd = nullptr;
    Result<T> first;
    for (const InstructionSet* isa : tested_instruction_sets()) {
      INFO(isa->name);
      const Result<T> one = train<T>(*isa, work, 1);
      for (const double loss : one.losses) CHECK(std::isfinite(loss));
      same_bits(one, train<T>(*isa, work, 2));
      same_bits(one, train<T>(*isa, work, 3));
      if (std::string(isa->name) == "scalar") continue;
      if (simd) same_bits(*simd, one);
      first = one;
      simd = &first;
    }
  }
}

// Many rows go through in parts, which lie where parts before did.
TEST_CASE_TEMPLATE("rows evaluated together have the outputs and the loss of rows one by one", T, float, double) {
  const Workload work = {700, 40, 48, 5, 1, "sgd", {0}, false};
  std::mt19937 random(3);
  std::vector<T> x(static_cast<size_t>(work.rows) * work.inputs);
  for (T& value : x) value = static_cast<T>(random() * 0x1p-32 - 0.5);
  std::vector<int32_t> classes(work.rows);
  for (int32_t& label : classes) label = static_cast<int32_t>(random() % work.outputs);
  std::vector<double> weights(work.rows);
  for (double& weight : weights) weight = random() * 0x1p-32;
  for (const InstructionSet* isa : tested_instruction_sets()) {
    for (const int threads : {1, 2, 3}) {
      INFO(isa->name << ", " << threads << " threads");
      const std::unique_ptr<Trainer> trainer = make_trainer(plan_of(work, threads), table_of<T>(*isa));
      std::vector<std::vector<T>> parameters;
      for (const int64_t size : trainer->parameter_sizes()) {
        parameters.emplace_back(size);
        for (T& value : parameters.back()) value = static_cast<T>(random() * 0x1p-33 - 0.25);
      }
      trainer->set_parameters({parameters[0].data(), parameters[1].data(), parameters[2].data(), parameters[3].data(),
                               parameters[4].data()});
      ThreadTeam team(threads);
      const auto evaluate = [&](int64_t batch, std::vector<T>& outputs) {
        const Samples samples = {.rows = work.rows,
                                 .x = {x.data(), sizeof(T) == 4 ? ElementType::kFloat32 : ElementType::kFloat64},
                                 .y = {},
                                 .classes = classes.data(),
                                 .weights = weights.data()};
        const EvaluationJob job = {.samples = samples,
                                   .from = 3,
                                   .rows = work.rows - 3,
                                   .batch_size = batch,
                                   .has_loss = true,
                                   .loss = {"softmaxCrossEntropy", true, {0}, 1, true},
                                   .outputs = outputs.data()};
        return trainer->evaluate(job, team).loss_sum;
      };
      const size_t count = static_cast<size_t>(work.rows - 3) * work.outputs;
      std::vector<T> together(count), one_by_one(count);
      const double loss = evaluate(1, one_by_one);
      CHECK(loss > 0);
      for (int time = 0; time < 2; ++time) {  // with helpers that sleep, and awake
        CHECK(evaluate(1024, together) == loss);
        CHECK(together == one_by_one);
      }
    }
  }
}

TEST_CASE("rows and classes that are not there are refused before memory is read") {
  const Workload& work = kWorkloads[2];
  const std::unique_ptr<Trainer> trainer = make_trainer(plan_of(work, 1), tested_instruction_sets()[0]->float32);
  ThreadTeam team(1);
  const std::vector<float> x(6);
  std::vector<float> outputs(100);
  const std::vector<int32_t> classes = {0, 2};
  EvaluationJob job = {.samples = {.rows = 2,
                                   .x = {x.data(), ElementType::kFloat32},
                                   .y = {},
                                   .classes = classes.data(),
                                   .weights = nullptr},
                       .from = 0,
                       .rows = 3,
                       .batch_size = 4,
                       .has_loss = false,
                       .loss = {},
                       .outputs = outputs.data()};
  CHECK_THROWS(trainer->evaluate(job, team));
  job.rows = 2;
  CHECK_NOTHROW(trainer->evaluate(job, team));
  job.has_loss = true;
  job.loss = {"softmaxCrossEntropy", true, {0}, 1, true};
  CHECK_THROWS(trainer->evaluate(job, team));
}

}  // namespace
}  // namespace chainrule
