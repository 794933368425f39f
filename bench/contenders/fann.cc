// FANN: an update after each row, squared error, activations of its own. Nearest to ReLU is its piecewise linear one,
// and to a softmax its sigmoid.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <floatfann.h>
#include <sys/resource.h>

#include "laps.h"

namespace {

// As peakBytes in program.ts.
long peak_bytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  long kilobytes = usage.ru_maxrss;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) kilobytes = std::strtol(line.c_str() + 6, nullptr, 10);
  }
  return kilobytes * 1024;
}

struct Arguments {
  std::string x, y, parameters, outputs;
  bool classes;
  int rows, compared_rows, compared_epochs, judged_rows;
  float learning_rate;
  double seconds;
  int sizes[3];  // inputs, hidden units, outputs
  std::string hidden_activation;
};

template <typename T>
std::vector<T> read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  std::vector<T> values(static_cast<size_t>(stream.tellg()) / sizeof(T));
  stream.seekg(0).read(reinterpret_cast<char*>(values.data()), values.size() * sizeof(T));
  return values;
}

class Network {
 public:
  explicit Network(const Arguments& arguments) {
    fann_ = fann_create_standard(3, arguments.sizes[0], arguments.sizes[1], arguments.sizes[2]);
    fann_set_training_algorithm(fann_, FANN_TRAIN_INCREMENTAL);
    fann_set_train_error_function(fann_, FANN_ERRORFUNC_LINEAR);
    fann_set_learning_momentum(fann_, 0);
    fann_set_learning_rate(fann_, arguments.learning_rate);
    const bool tanh = arguments.hidden_activation == "tanh";
    fann_set_activation_function_hidden(fann_, tanh ? FANN_SIGMOID_SYMMETRIC : FANN_LINEAR_PIECE);
    fann_set_activation_function_output(fann_, FANN_SIGMOID);
    fann_set_activation_steepness_hidden(fann_, 1);    // tanh(s·x), min(max(s·x, 0), 1)
    fann_set_activation_steepness_output(fann_, 0.5);  // 1 / (1 + exp(−2·s·x))
    set_parameters(arguments);
  }
  ~Network() { fann_destroy(fann_); }
  Network(const Network&) = delete;

  void train(float* x, float* targets) { fann_train(fann_, x, targets); }
  const float* run(float* x) { return fann_run(fann_, x); }

 private:
  // FANN has a unit's weights in one piece, its bias behind them.
  void set_parameters(const Arguments& arguments) {
    const std::vector<float> values = read<float>(arguments.parameters);
    const float* from = values.data();
    float* to = fann_->weights;
    for (int layer = 0; layer < 2; ++layer) {
      const int inputs = arguments.sizes[layer], units = arguments.sizes[layer + 1];
      const float* bias = from + int64_t{inputs} * units;
      for (int unit = 0; unit < units; ++unit) {
        for (int k = 0; k < inputs; ++k) *to++ = from[int64_t{k} * units + unit];
        *to++ = bias[unit];
      }
      from = bias + units;
    }
  }

  fann* fann_;
};

std::vector<float> read_targets(const Arguments& arguments) {
  if (!arguments.classes) return read<float>(arguments.y);
  const std::vector<int32_t> labels = read<int32_t>(arguments.y);
  std::vector<float> targets(labels.size() * arguments.sizes[2]);
  for (size_t i = 0; i < labels.size(); ++i) targets[i * arguments.sizes[2] + labels[i]] = 1;
  return targets;
}

Arguments parse(char** argv) {
  Arguments arguments;
  arguments.x = *++argv;
  arguments.y = *++argv;
  arguments.parameters = *++argv;
  arguments.outputs = *++argv;
  arguments.classes = std::string_view(*++argv) == "crossEntropy";
  arguments.rows = std::atoi(*++argv);
  arguments.compared_rows = std::atoi(*++argv);
  arguments.compared_epochs = std::atoi(*++argv);
  arguments.judged_rows = std::atoi(*++argv);
  arguments.learning_rate = std::atof(*++argv);
  arguments.seconds = std::atof(*++argv);
  for (int& size : arguments.sizes) size = std::atoi(*++argv);
  arguments.hidden_activation = *++argv;
  return arguments;
}

}  // namespace

// Arguments: those of `parse`, in its order. Runs laps and answers as tasks.ts says.
int main(int argc, char** argv) {
  if (argc != 16) return std::fprintf(stderr, "expected 15 arguments, got %d\n", argc - 1), 1;
  const Arguments arguments = parse(argv);
  const int inputs = arguments.sizes[0], outputs = arguments.sizes[2];
  std::vector<float> x = read<float>(arguments.x), targets = read_targets(arguments);

  Network judged(arguments);
  for (int epoch = 0; epoch < arguments.compared_epochs; ++epoch) {
    for (int i = 0; i < arguments.compared_rows; ++i)
      judged.train(&x[int64_t{i} * inputs], &targets[int64_t{i} * outputs]);
  }
  std::ofstream file(arguments.outputs, std::ios::binary);
  for (int i = 0; i < arguments.judged_rows; ++i) {
    file.write(reinterpret_cast<const char*>(judged.run(&x[int64_t{i} * inputs])), outputs * sizeof(float));
  }
  file.close();  // whoever is told that this is ready reads it

  Network network(arguments);
  std::vector<int> order(arguments.rows);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  size_t next = 0;
  const auto speed_for = [&](double least_seconds) {
    using Clock = std::chrono::steady_clock;
    const auto started = Clock::now();
    double seconds = 0;
    int64_t rows = 0;
    while (seconds < least_seconds) {
      for (int i = 0; i < 100; ++i, ++next) {
        if (next == order.size()) next = 0;
        network.train(&x[int64_t{order[next]} * inputs], &targets[int64_t{order[next]} * outputs]);
      }
      rows += 100;
      seconds = std::chrono::duration<double>(Clock::now() - started).count();
    }
    return rows / seconds;
  };
  speed_for(arguments.seconds);  // to warm up
  run_laps([&] {
    speed_for(arguments.seconds / 4);  // untimedShare of timing.ts
    return speed_for(arguments.seconds);
  });
  std::printf("{\"peakBytes\":%ld,\"ran\":\"FANN\"}\n", peak_bytes());
}
