// What the suites in TypeScript cannot see of a layer's products: padding, and bits that depend on nothing but the
// sums.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "../isa/dispatch.h"
#include "../training/registry.h"
#include "instruction_sets.h"
#include "panels.h"

namespace chainrule {
namespace {

// A layer's operands, and its products by the definition: each sum is one chain, in the order of its terms.
template <typename T>
struct Layer {
  Layer(const InstructionSet& set, int layer_rows, int layer_inputs, int layer_units)
      : isa(set), kernels(table_of<T>(set)), rows(layer_rows), inputs(layer_inputs), units(layer_units) {}

  const InstructionSet& isa;
  const KernelTable<T>& kernels;
  const int rows, inputs, units;
  PanelBuffer<T> input = matrix<T>(rows, inputs, RandomNumbers<T>(1));
  PanelBuffer<T> weights = matrix<T>(padded_rows<T>(inputs), units, RandomNumbers<T>(2));
  PanelBuffer<T> bias = matrix<T>(1, units, RandomNumbers<T>(3));
  PanelBuffer<T> delta = matrix<T>(rows, units, RandomNumbers<T>(4));
  const ActivationKernel<T>* relu = find_activation(kernels, {"relu", {}});

  T add_product(T sum, T a, T b) const { return fused(isa) ? std::fma(a, b, sum) : sum + a * b; }

  PanelBuffer<T> sums() const {
    return each(rows, units, [&](int r, int u) {
      T sum = at(bias, 0, u);
      for (int i = 0; i < inputs; ++i) sum = add_product(sum, at(input, r, i), at(weights, i, u));
      return sum;
    });
  }
  PanelBuffer<T> input_gradient() const {
    return each(rows, inputs, [&](int r, int i) {
      T sum = 0;
      for (int u = 0; u < units; ++u) sum = add_product(sum, at(weights, i, u), at(delta, r, u));
      return at(input, r, i) > 0 ? sum : 0;
    });
  }
  PanelBuffer<T> weight_gradient(const PanelBuffer<T>& initial) const {
    return each(inputs, units, [&](int i, int u) {
      T sum = at(initial, i, u);
      for (int r = 0; r < rows; ++r) sum = add_product(sum, at(input, r, i), at(delta, r, u));
      return sum;
    });
  }
  PanelBuffer<T> bias_gradient(const PanelBuffer<T>& initial) const {
    return each(1, units, [&](int, int u) {
      T sum = at(initial, 0, u);
      for (int r = 0; r < rows; ++r) sum += at(delta, r, u);
      return sum;
    });
  }

  void apply(DenseWeightGradient<T> product, const UpcomingRows& upcoming = {}) const {
    product.rows = rows, product.inputs = inputs, product.units = units;
    product.input = constant(input.panels()), product.delta = constant(delta.panels());
    kernels.dense_weight_gradient(product, {0, panels_of<T>(units)}, {0, panels_of<T>(inputs)}, upcoming);
  }

 private:
  template <typename Element>
  static PanelBuffer<T> each(int rows, int columns, Element element) {
    int r = 0, c = -1;
    return matrix<T>(rows, columns, [&] {
      if (++c == columns) ++r, c = 0;
      return element(r, c);
    });
  }
};

// Sizes on both sides of what kernels tell apart: vectors, panels, few rows and few units.
template <typename T, typename Visit>
void for_layers(Visit visit) {
  for (const InstructionSet* isa : tested_instruction_sets()) {
    for (const int rows : {1, 2, 4, 5, 16, 17, 37, 65}) {
      for (const int inputs : {1, 4, 13, 75}) {
        for (const int units : {1, 3, 10, 16, 17, 70}) {
          CAPTURE(doctest::String(isa->name));
          CAPTURE(rows);
          CAPTURE(inputs);
          CAPTURE(units);
          visit(Layer<T>(*isa, rows, inputs, units));
        }
      }
    }
    for (const int units : {3, 40}) {  // more rows than one tile goes through at once
      CAPTURE(doctest::String(isa->name));
      CAPTURE(units);
      visit(Layer<T>(*isa, 900, 13, units));
    }
  }
}

TEST_CASE_TEMPLATE("a layer goes forward by its chains, whatever its size, and leaves padding 0", T, float, double) {
  for_layers<T>([](const Layer<T>& layer) {
    const PanelBuffer<T> sums = layer.sums();
    PanelBuffer<T> pre_activation(layer.rows, layer.units), output(layer.rows, layer.units);
    for (const ActivationKernel<T>* activation : {static_cast<const ActivationKernel<T>*>(nullptr), layer.relu}) {
      layer.kernels.dense_forward({.rows = layer.rows,
                                   .inputs = layer.inputs,
                                   .units = layer.units,
                                   .input = constant(layer.input.panels()),
                                   .weights = constant(layer.weights.panels()),
                                   .bias = layer.bias.data(),
                                   .pre_activation = pre_activation.panels(),
                                   .output = output.panels(),
                                   .activation = activation,
                                   .parameters = nullptr},
                                  {0, panels_of<T>(layer.units)}, {0, layer.rows});
      if (!activation) CHECK(contents(output) == contents(sums));
    }
    std::vector<T> activated = contents(sums);
    for (T& value : activated) value = value > 0 ? value : 0;
    CHECK(contents(pre_activation) == contents(sums));
    CHECK(contents(output) == activated);
  });
}

TEST_CASE_TEMPLATE("the input's gradient goes by its chains, whatever its size, transposed, too, and leaves padding 0",
                   T, float, double) {
  for_layers<T>([](const Layer<T>& layer) {
    const PanelBuffer<T> delta_transposed(padded_rows<T>(layer.units), layer.rows);
    layer.kernels.transpose(constant(layer.delta.panels()), delta_transposed.panels(), layer.rows, layer.units,
                            {0, panels_of<T>(layer.units)});
    PanelBuffer<T> gradient(layer.rows, layer.inputs), transposed(padded_rows<T>(layer.inputs), layer.rows);
    layer.kernels.dense_input_gradient({.rows = layer.rows,
                                        .inputs = layer.inputs,
                                        .units = layer.units,
                                        .weights = constant(layer.weights.panels()),
                                        .delta = constant(layer.delta.panels()),
                                        .delta_transposed = constant(delta_transposed.panels()),
                                        .activation = layer.relu,
                                        .parameters = nullptr,
                                        .saved = constant(layer.input.panels()),
                                        .gradient = gradient.panels(),
                                        .gradient_transposed = transposed.panels()},
                                       {0, panels_of<T>(layer.inputs)});
    CHECK(contents(gradient) == contents(layer.input_gradient()));
    bool same = true;
    for (int r = 0; r < layer.rows; ++r) {
      for (int i = 0; i < layer.inputs; ++i) same &= at(transposed, i, r) == at(gradient, r, i);
    }
    CHECK(same);
  });
}

TEST_CASE_TEMPLATE("the weights' gradient goes by its chains, whatever its size, and on from what is there", T, float,
                   double) {
  for_layers<T>([](const Layer<T>& layer) {
    PanelBuffer<T> gradient(layer.inputs, layer.units), bias_gradient(1, layer.units);
    PanelBuffer<T> expected(layer.inputs, layer.units), expected_bias(1, layer.units);
    for (const bool accumulate : {false, true}) {
      expected = layer.weight_gradient(expected), expected_bias = layer.bias_gradient(expected_bias);
      layer.apply({.gradient = gradient.panels(), .bias_gradient = bias_gradient.data(), .accumulate = accumulate});
      CHECK(contents(gradient) == contents(expected));
      CHECK(contents(bias_gradient) == contents(expected_bias));
    }
  });
}

// What an update changes, as it is before it.
template <typename T>
struct Updated {
  explicit Updated(const Layer<T>& layer)
      : weights(matrix<T>(layer.inputs, layer.units, RandomNumbers<T>(5))), bias(1, layer.units) {
    for (int s = 0; s < kMaxSlots; ++s) {
      slots.emplace_back(layer.inputs, layer.units), bias_slots.emplace_back(1, layer.units);
      weight_slot[s] = slots.back().data(), bias_slot[s] = bias_slots.back().data();
    }
  }
  PanelBuffer<T> weights, bias;
  std::vector<PanelBuffer<T>> slots, bias_slots;
  T* weight_slot[kMaxSlots];
  T* bias_slot[kMaxSlots];
};

TEST_CASE_TEMPLATE("an update in the product has the bits of one by the gradient, and leaves padding 0", T, float,
                   double) {
  constexpr double kDefaults[] = {0.9, 0.99, 0.1, 0.01, 0.004};
  for_layers<T>([&](const Layer<T>& layer) {
    const PanelBuffer<T> gradient = layer.weight_gradient(PanelBuffer<T>(layer.inputs, layer.units));
    const PanelBuffer<T> bias_gradient = layer.bias_gradient(PanelBuffer<T>(1, layer.units));
    for (int i = 0; i < layer.kernels.optimizer_count; ++i) {
      const OptimizerKernel<T>& kernel = layer.kernels.optimizers[i];
      CAPTURE(doctest::String(kernel.name));
      Updated<T> apart(layer), inside(layer);
      double state[kMaxState] = {};
      T constants[kMaxConstants] = {};
      Update<T> update = {.optimizer = &kernel, .constants = constants};
      for (int s = 0; s < kernel.slots; ++s) {
        update.weight_slots[s] = inside.weight_slot[s], update.bias_slots[s] = inside.bias_slot[s];
      }
      for (int step = 0; step < 2; ++step) {
        kernel.prepare(kDefaults, step, 0.05, state, constants);
        kernel.update(apart.weights.data(), gradient.data(), apart.weight_slot, gradient.size() / kPanel<T>, kPanel<T>,
                      constants);
        kernel.update(apart.bias.data(), bias_gradient.data(), apart.bias_slot, bias_gradient.size() / kPanel<T>,
                      kPanel<T>, constants);
        layer.apply({.update = &update, .weights = inside.weights.panels(), .bias = inside.bias.data()});
      }
      CHECK(contents(inside.weights) == contents(apart.weights));
      CHECK(contents(inside.bias) == contents(apart.bias));
      for (int s = 0; s < kernel.slots; ++s) {
        const size_t slot = static_cast<size_t>(s);
        CHECK(values(inside.slots[slot], layer.inputs, layer.units) ==
              values(apart.slots[slot], layer.inputs, layer.units));
        CHECK(values(inside.bias_slots[slot], 1, layer.units) == values(apart.bias_slots[slot], 1, layer.units));
      }
    }
  });
}

TEST_CASE("upcoming rows fall to the parts of a range one by one, and change no bit of a product") {
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

  for (const InstructionSet* isa : tested_instruction_sets()) {
    CAPTURE(doctest::String(isa->name));
    for (const int units : {3, 70}) {
      const Layer<float> layer(*isa, 64, 100, units);
      const float constants[kMaxConstants] = {0, 1};  // of SGD: no decay, learning rate
      const Update<float> update = {.optimizer = find_optimizer(layer.kernels, {"sgd", {0}}), .constants = constants};
      for (const Update<float>* applied : {static_cast<const Update<float>*>(nullptr), &update}) {
        const auto product = [&](const UpcomingRows& rows) {
          const PanelBuffer<float> result(layer.inputs, units);
          layer.apply({.gradient = result.panels(), .update = applied, .weights = result.panels()}, rows);
          return contents(result);
        };
        CHECK(product(upcoming) == product({}));
      }
    }
  }
}

}  // namespace
}  // namespace chainrule
