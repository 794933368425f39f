// A network and its jobs as plain data: what crossed from TypeScript, resolved and validated there.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

namespace chainrule {

struct ActivationPlan {
  std::string name;
  std::vector<double> parameters;
};

struct LayerPlan {
  enum class Kind { kDense, kDropout };
  Kind kind;
  int inputs;
  int units;
  ActivationPlan activation;  // dense
  bool bias;                  // dense
  double rate;                // dropout
};

struct Plan {
  int inputs;
  int outputs;
  std::vector<LayerPlan> layers;
  uint32_t seed;
  int threads;
};

// The batch's loss is Σᵢ wᵢ·scale·lᵢ, divided by Σᵢ wᵢ where `mean`.
struct LossPlan {
  std::string kernel;
  bool on_pre_activation;  // reads the last layer's pre-activation; its gradient is that layer's δ
  std::vector<double> parameters;
  double scale;
  bool mean;
};

struct OptimizerPlan {
  std::string kernel;
  std::vector<double> parameters;
};

enum class ElementType { kFloat32, kFloat64, kInt8, kUint8, kInt16, kUint16, kInt32, kUint32 };

// The caller's memory, of any numeric type, row-major.
struct Numbers {
  const void* data = nullptr;
  ElementType type = ElementType::kFloat32;
};

struct Samples {
  int64_t rows = 0;
  Numbers x;                         // (rows, inputs)
  Numbers y;                         // (rows, outputs), or data null
  const int32_t* classes = nullptr;  // (rows), or null
  const double* weights = nullptr;   // (rows), or null where every row counts 1
};

struct TrainingJob {
  Samples samples;
  const uint32_t* order;
  int64_t order_length;
  int64_t epoch_rows;
  int64_t batch_size;
  LossPlan loss;
  OptimizerPlan optimizer;
  const double* learning_rates;
  int64_t learning_rate_count;  // 1, or one per update
  int64_t first_update;
  int64_t optimizer_step;
  double* losses;  // (batches)
  void* outputs;   // (order_length, outputs) of the network's dtype, or null
};

enum class Ended { kComplete, kCancelled, kNotFinite };

struct TrainingReport {
  int64_t updates;
  Ended ended;
};

struct EvaluationJob {
  Samples samples;
  int64_t from;
  int64_t rows;
  int64_t batch_size;
  bool has_loss;
  LossPlan loss;
  void* outputs;  // (rows, outputs), or null
};

struct EvaluationReport {
  double loss_sum;
  Ended ended;
};

struct GradientJob {
  Samples samples;
  int64_t rows;
  LossPlan loss;
  int64_t first_update;
  std::vector<void*> gradients;  // one per parameter array
  void* input_gradient;          // (rows, inputs), or null
};

}  // namespace chainrule
