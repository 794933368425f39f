// What the suites in TypeScript cannot see of a layer's products: padding, and bits that depend on nothing but the
// sums.
#include <doctest/doctest.h>

#include <vector>

#include "../isa/dispatch.h"
#include "../training/registry.h"
#include "panels.h"

namespace chainrule {
namespace {

TEST_CASE("upcoming rows fall to the parts of a range one by one, and change no bit of a product") {
  constexpr int kRows = 64, kInputs = 100, kUnits = 70;
  const std::vector<float> samples(size_t{17} * 13);
  const std::vector<uint32_t> order = {16, 3, 0, 9, 16, 5, 1};  // nothing behind it may be read
  const UpcomingRows upcoming = {.data = reinterpret_cast<const char*>(samples.data()),
                                 .row_bytes = 13 * sizeof(float),
                                 .order = order.data(),
                                 .count = static_cast<int>(order.size())};
  const uint32_t* next = order.data();
  for (int part = 0; part < 5; ++part) {
    const UpcomingRows own = upcoming.part({part, part + 1}, 5);
    CHECK(own.order == next);
    next += own.count;
  }
  CHECK(next == order.data() + order.size());

  for (const InstructionSet* isa : supported_instruction_sets()) {
    CAPTURE(doctest::String(isa->name));
    const PanelBuffer<float> input = matrix<float>(kRows, kInputs, RandomNumbers<float>(1));
    const PanelBuffer<float> delta = matrix<float>(kRows, kUnits, RandomNumbers<float>(2));
    const auto product = [&](const UpcomingRows& rows) {
      const PanelBuffer<float> gradient(kInputs, kUnits);
      const DenseWeightGradient<float> layer = {.rows = kRows,
                                                .inputs = kInputs,
                                                .units = kUnits,
                                                .input = constant(input.panels()),
                                                .delta = constant(delta.panels()),
                                                .gradient = gradient.panels(),
                                                .bias_gradient = nullptr,
                                                .accumulate = false,
                                                .update = nullptr,
                                                .weights = gradient.panels(),
                                                .bias = nullptr};
      isa->float32.dense_weight_gradient(layer, {0, panels_of<float>(kUnits)}, {0, panels_of<float>(kInputs)}, rows);
      return contents(gradient);
    };
    CHECK(product(upcoming) == product({}));
  }
}

TEST_CASE_TEMPLATE("the gradient of the input is written transposed, too, where there is room for it", T, float,
                   double) {
  struct Size {
    int rows, inputs, units;
  };
  for (const InstructionSet* isa : supported_instruction_sets()) {
    for (const Size& size :
         {Size{3, 4, 5}, Size{1, 75, 70}, Size{3, 40, 5}, Size{37, 4, 5}, Size{37, 75, 20}, Size{64, 64, 64}}) {
      CAPTURE(doctest::String(isa->name));
      CAPTURE(size.rows);
      CAPTURE(size.inputs);
      const KernelTable<T>& kernels = table_of<T>(*isa);
      const PanelBuffer<T> weights = matrix<T>(padded_rows<T>(size.inputs), size.units, RandomNumbers<T>(1));
      const PanelBuffer<T> delta = matrix<T>(size.rows, size.units, RandomNumbers<T>(2));
      const PanelBuffer<T> saved = matrix<T>(size.rows, size.inputs, RandomNumbers<T>(3));
      const PanelBuffer<T> delta_transposed(padded_rows<T>(size.units), size.rows);
      kernels.transpose(constant(delta.panels()), delta_transposed.panels(), size.rows, size.units,
                        {0, panels_of<T>(size.units)});
      const PanelBuffer<T> gradient(size.rows, size.inputs), transposed(padded_rows<T>(size.inputs), size.rows);
      kernels.dense_input_gradient({.rows = size.rows,
                                    .inputs = size.inputs,
                                    .units = size.units,
                                    .weights = constant(weights.panels()),
                                    .delta = constant(delta.panels()),
                                    .delta_transposed = constant(delta_transposed.panels()),
                                    .activation = find_activation(kernels, {"tanh", {}}),
                                    .parameters = nullptr,
                                    .saved = constant(saved.panels()),
                                    .gradient = gradient.panels(),
                                    .gradient_transposed = transposed.panels()},
                                   {0, panels_of<T>(size.inputs)});
      bool same = true;
      for (int r = 0; r < size.rows; ++r) {
        for (int i = 0; i < size.inputs; ++i)
          same &= at(gradient, r, i) != 0 && at(transposed, i, r) == at(gradient, r, i);
      }
      CHECK(same);
    }
  }
}

TEST_CASE_TEMPLATE("a few rows have the input gradient that they have among many, and its padding is 0", T, float,
                   double) {
  constexpr int kRows = 20;
  for (const InstructionSet* isa : supported_instruction_sets()) {
    const KernelTable<T>& kernels = table_of<T>(*isa);
    for (const int inputs : {5, 75}) {
      for (const int units : {17, 70}) {
        CAPTURE(doctest::String(isa->name));
        CAPTURE(inputs);
        CAPTURE(units);
        const PanelBuffer<T> weights = matrix<T>(padded_rows<T>(inputs), units, RandomNumbers<T>(1));
        const PanelBuffer<T> delta = matrix<T>(kRows, units, RandomNumbers<T>(2));
        const PanelBuffer<T> saved = matrix<T>(kRows, inputs, RandomNumbers<T>(3));
        const PanelBuffer<T> transposed(padded_rows<T>(units), kRows);
        kernels.transpose(constant(delta.panels()), transposed.panels(), kRows, units, {0, panels_of<T>(units)});
        const auto input_gradient = [&](int rows) {
          PanelBuffer<T> gradient(padded_rows<T>(kRows), inputs);
          kernels.dense_input_gradient({.rows = rows,
                                        .inputs = inputs,
                                        .units = units,
                                        .weights = constant(weights.panels()),
                                        .delta = constant(delta.panels()),
                                        .delta_transposed = constant(transposed.panels()),
                                        .activation = find_activation(kernels, {"tanh", {}}),
                                        .parameters = nullptr,
                                        .saved = constant(saved.panels()),
                                        .gradient = gradient.panels()},
                                       {0, panels_of<T>(inputs)});
          return gradient;
        };
        const PanelBuffer<T> many = input_gradient(kRows);
        for (int rows = 1; rows <= 5; ++rows) {
          const PanelBuffer<T> few = input_gradient(rows);
          bool same = true;
          for (int r = 0; r < rows; ++r) {
            for (int i = 0; i < inputs; ++i) same &= at(few, r, i) != 0 && at(few, r, i) == at(many, r, i);
          }
          CHECK(same);
          CHECK(padding_is_zero(few, rows, inputs));
        }
      }
    }
  }
}

// The three products of a layer, of the first rows and inputs of the operands.
template <typename T>
class Products {
 public:
  Products(const KernelTable<T>& kernels, int units) : kernels_(kernels), units_(units) {}

  PanelBuffer<T> forward(int rows) const {
    PanelBuffer<T> sums(rows, units_), output(rows, units_);
    kernels_.dense_forward({.rows = rows,
                            .inputs = kSome,
                            .units = units_,
                            .input = constant(input_.panels()),
                            .weights = constant(weights_.panels()),
                            .bias = bias_.data(),
                            .pre_activation = sums.panels(),
                            .output = output.panels(),
                            .activation = tanh(),
                            .parameters = nullptr},
                           {0, panels_of<T>(units_)}, {0, rows});
    return output;
  }
  PanelBuffer<T> input_gradient(int rows) const {
    PanelBuffer<T> transposed(padded_rows<T>(units_), rows), gradient(padded_rows<T>(rows), kSome);
    kernels_.transpose(constant(delta_.panels()), transposed.panels(), rows, units_, {0, panels_of<T>(units_)});
    kernels_.dense_input_gradient({.rows = rows,
                                   .inputs = kSome,
                                   .units = units_,
                                   .weights = constant(weights_.panels()),
                                   .delta = constant(delta_.panels()),
                                   .delta_transposed = constant(transposed.panels()),
                                   .activation = tanh(),
                                   .parameters = nullptr,
                                   .saved = constant(input_.panels()),
                                   .gradient = gradient.panels()},
                                  {0, panels_of<T>(kSome)});
    return gradient;
  }
  // Stored and added once more, with the sums of delta in the last row.
  PanelBuffer<T> weight_gradient(int inputs) const {
    PanelBuffer<T> gradient(inputs + 1, units_);
    for (const bool accumulate : {false, true}) {
      apply(inputs, {.gradient = gradient.panels(),
                     .bias_gradient = gradient.data() + inputs * kPanel<T>,
                     .accumulate = accumulate});
    }
    return gradient;
  }
  // Weights after a step of the optimizer, with the biases in the last row.
  PanelBuffer<T> updated(int inputs) const {
    PanelBuffer<T> weights(inputs + 1, units_);
    const OptimizerKernel<T>& optimizer = *find_optimizer(kernels_, {"sgd", {0}});
    const double parameters[] = {0};
    double state[kMaxState] = {};
    T constants[kMaxConstants] = {};
    optimizer.prepare(parameters, 0, 0.1, state, constants);
    const Update<T> update = {.optimizer = &optimizer, .constants = constants};
    apply(inputs, {.update = &update, .weights = weights.panels(), .bias = weights.data() + inputs * kPanel<T>});
    return weights;
  }

  static constexpr int kSome = 4;   // terms of each sum; rows or inputs of small products
  static constexpr int kMany = 20;  // those of large ones

 private:
  const ActivationKernel<T>* tanh() const { return find_activation(kernels_, {"tanh", {}}); }
  void apply(int inputs, DenseWeightGradient<T> layer) const {
    layer.rows = kSome, layer.inputs = inputs, layer.units = units_;
    layer.input = constant(input_.panels()), layer.delta = constant(delta_.panels());
    kernels_.dense_weight_gradient(layer, {0, panels_of<T>(units_)}, {0, panels_of<T>(inputs)}, {});
  }

  const KernelTable<T>& kernels_;
  const int units_;
  PanelBuffer<T> input_ = matrix<T>(kMany, kMany, RandomNumbers<T>(1));
  PanelBuffer<T> weights_ = matrix<T>(padded_rows<T>(kMany), units_, RandomNumbers<T>(2));
  PanelBuffer<T> bias_ = matrix<T>(1, units_, RandomNumbers<T>(3));
  PanelBuffer<T> delta_ = matrix<T>(kMany, units_, RandomNumbers<T>(4));
};

TEST_CASE_TEMPLATE("small products have the bits of parts of large ones, and keep padding 0", T, float, double) {
  constexpr int kSome = Products<T>::kSome, kMany = Products<T>::kMany;
  for (const InstructionSet* isa : supported_instruction_sets()) {
    for (const int units : {1, 3, kSmall}) {
      CAPTURE(doctest::String(isa->name));
      CAPTURE(units);
      CHECK(is_small(kSome, kSome, units));
      CHECK(!is_small(kSome, kMany, units));
      CHECK(!is_small(kMany, kSome, units));
      const Products<T> products(table_of<T>(*isa), units);
      const auto same_rows = [&](const PanelBuffer<T>& small, const PanelBuffer<T>& large, int columns) {
        bool same = true;
        for (int r = 0; r < kSome; ++r) {
          for (int c = 0; c < columns; ++c) same &= at(small, r, c) != 0 && at(small, r, c) == at(large, r, c);
        }
        return same;
      };
      CHECK(same_rows(products.forward(kSome), products.forward(kMany), units));
      CHECK(same_rows(products.input_gradient(kSome), products.input_gradient(kMany), kSome));
      CHECK(padding_is_zero(products.input_gradient(kSome), kSome, kSome));
      for (const bool update : {false, true}) {
        const auto result = [&](int inputs) {
          return update ? products.updated(inputs) : products.weight_gradient(inputs);
        };
        const PanelBuffer<T> small = result(kSome), large = result(kMany);
        CHECK(same_rows(small, large, units));
        CHECK(padding_is_zero(small, kSome + 1, units));
        for (int c = 0; c < units; ++c) CHECK(at(small, kSome, c) == at(large, kMany, c));
      }
    }
  }
}

}  // namespace
}  // namespace chainrule
