// Batches allocate nothing: a job of many takes as many allocations as one of a few.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "../training/trainer.h"
#include "instruction_sets.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

void* allocate(size_t size, size_t alignment) {
  if (counting) ++allocations;
  const size_t whole = (size + alignment - 1) / alignment * alignment;  // as aligned_alloc wants it
  void* const memory = ::aligned_alloc(alignment, whole > 0 ? whole : alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All other forms call these. Where GCC puts one of a pair in line and not the other, it takes them for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(size_t size) { return allocate(size, alignof(max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) { return allocate(size, static_cast<size_t>(alignment)); }
void operator delete(void* memory) noexcept { ::free(memory); }
void operator delete(void* memory, size_t) noexcept { ::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { ::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { ::free(memory); }

namespace chainrule {
namespace {

constexpr int kRows = 96, kInputs = 70, kHidden = 133, kOutputs = 10, kBatch = 64;

// All kinds of layers, wide enough for shared phases.
Plan plan_with(int threads) {
  using Kind = LayerPlan::Kind;
  const LayerPlan hidden = {.kind = Kind::kDense,
                            .inputs = kHidden,
                            .units = kHidden,
                            .activation = {"relu", {}},
                            .bias = true,
                            .l2 = 1e-3,
                            .max_norm = 2,
                            .non_negative = true};
  LayerPlan first = hidden, last = hidden;
  first.inputs = kInputs;
  last.units = kOutputs;
  last.activation = {"softmax", {}};
  return {
      .inputs = kInputs,
      .outputs = kOutputs,
      .layers =
          {first,
           {.kind = Kind::kDropout, .inputs = kHidden, .units = kHidden, .rate = 0.25},
           {.kind = Kind::kBatchNormalization, .inputs = kHidden, .units = kHidden, .momentum = 0.1, .epsilon = 1e-5},
           hidden,
           {.kind = Kind::kLayerNormalization, .inputs = kHidden, .units = kHidden, .epsilon = 1e-5},
           {.kind = Kind::kActivation, .inputs = kHidden, .units = kHidden, .activation = {"gelu", {}}},
           last},
      .seed = 7,
      .threads = threads};
}

struct Wishes {
  ClipPlan clip;
  bool norms;
  bool parts;
  bool outputs;
};

// What a new trainer's first job allocates.
int allocations_of(int batches, int threads, const Wishes& wishes) {
  const std::vector<float> x(kRows * kInputs, 0.5f);
  const std::vector<int32_t> classes(kRows, 3);
  const std::vector<double> weights(kRows, 1.5);
  std::vector<uint32_t> order;
  for (int i = 0; i < batches * kBatch; ++i) order.push_back(static_cast<uint32_t>(i % kRows));
  std::vector<double> losses(batches), penalties(batches);
  const Plan plan = plan_with(threads);
  std::vector<double> norms(batches * plan.layers.size());
  std::vector<float> outputs(order.size() * kOutputs);
  const double learning_rate = 1e-3;
  const TrainingJob job = {.samples = {.rows = kRows,
                                       .x = {x.data(), ElementType::kFloat32},
                                       .y = {},
                                       .classes = classes.data(),
                                       .weights = weights.data()},
                           .order = order.data(),
                           .order_length = static_cast<int64_t>(order.size()),
                           .epoch_rows = static_cast<int64_t>(order.size()),
                           .batch_size = kBatch,
                           .pass_rows = wishes.parts ? kBatch / 4 : 0,
                           .loss = {"softmaxCrossEntropy", true, {0}, 1, true},
                           .optimizer = {"adam", {0.9, 0.999, 1e-8, 0}},
                           .clip = wishes.clip,
                           .learning_rates = &learning_rate,
                           .learning_rate_count = 1,
                           .first_update = 0,
                           .optimizer_step = 0,
                           .losses = losses.data(),
                           .penalties = penalties.data(),
                           .gradient_norms = wishes.norms ? norms.data() : nullptr,
                           .outputs = wishes.outputs ? outputs.data() : nullptr};
  const std::unique_ptr<Trainer> trainer = make_trainer(plan, tested_instruction_sets()[0]->float32);
  ThreadTeam team(threads);
  allocations = 0;
  counting = true;
  const TrainingReport report = trainer->train(job, team);
  counting = false;
  CHECK(report.ended == Ended::kComplete);
  CHECK(report.updates == batches);
  return allocations;
}

TEST_CASE("a job of 100 batches allocates as often as one of 10") {
  const Wishes all_wishes[] = {
      {{}, false, false, false},
      {{}, false, false, true},
      {{.norm = 1, .value = 0.5}, true, true, false},
  };
  for (const Wishes& wishes : all_wishes) {
    for (const int threads : {1, 2}) {
      CAPTURE(threads);
      const int few = allocations_of(10, threads, wishes);
      CHECK(few > 0);  // the counter counts: the first batch makes room for the others
      CHECK(allocations_of(100, threads, wishes) == few);
    }
  }
}

}  // namespace
}  // namespace chainrule
