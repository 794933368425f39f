// A network and its jobs as plain data: what crossed from TypeScript, resolved and validated there.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "../kernels/numbers.h"

namespace chainrule {

struct ActivationPlan {
  std::string name;
  std::vector<double> parameters;
};

struct LayerPlan {
  enum class Kind { kDense, kDropout, kActivation, kBatchNormalization, kLayerNormalization };
  Kind kind;
  int inputs;
  int units;
  ActivationPlan activation = {};  // dense, activation
  bool bias = false;               // dense
  double l1 = 0, l2 = 0;           // dense: the penalty l1 Σ|w| + l2 Σw²
  double max_norm = 0;             // dense: of a unit's weights after each update; 0 for none
  bool non_negative = false;       // dense: weights after each update
  double rate = 0;                 // dropout
  double momentum = 0;             // batch normalization
  double epsilon = 0;              // batch and layer normalization
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

// Of the gradient of an update as a whole; 0 for none.
struct ClipPlan {
  double norm = 0;   // largest L2 norm over all parameters
  double value = 0;  // largest magnitude of each element
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
  int64_t pass_rows;  // rows that go through the layers together; 0: as many as suit
  LossPlan loss;
  OptimizerPlan optimizer;
  ClipPlan clip;
  const double* learning_rates;
  int64_t learning_rate_count;  // 1, or one per update
  int64_t first_update;
  int64_t optimizer_step;
  double* losses;          // (batches)
  double* penalties;       // (batches), or null
  double* gradient_norms;  // (batches, layers), or null
  void* outputs;           // (order_length, outputs) of the network's dtype, or null
};

// Where to look for numbers that are not finite.
enum class Among { kParameters, kOutputs, kGradients };

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
  double penalty;
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

struct ForwardJob {
  Samples samples;  // x alone
  int64_t rows;
  bool training;
  int64_t update;
  void* outputs;  // (rows, outputs)
};

// After a forward job of as many rows.
struct BackwardJob {
  const void* output_gradient;  // (rows, outputs)
  void* input_gradient;         // (rows, inputs), or null
  bool parameters;              // whether their gradients are made and kept
};

struct ApplyJob {
  OptimizerPlan optimizer;
  double learning_rate;
  int64_t optimizer_step;
  ClipPlan clip;
};

}  // namespace chainrule
