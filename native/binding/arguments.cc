#include "arguments.h"

namespace chainrule {

Napi::Error typed_error(Napi::Env env, const char* code, const std::string& message) {
  const InstanceData* data = env.GetInstanceData<InstanceData>();
  if (!data || data->error_class.IsEmpty()) return Napi::Error::New(env, message);
  const Napi::Object error = data->error_class.New({Napi::String::New(env, code), Napi::String::New(env, message)});
  return Napi::Error(env, error);
}

namespace {

Napi::Error unexpected_value(Napi::Value value, const char* what, const char* name) {
  const std::string got = value.ToString().Utf8Value().substr(0, 40);
  return typed_error(value.Env(), "INVALID_ARGUMENT",
                     std::string("expected ") + what + " for " + name + ", got " + got);
}

struct TypedArrayInfo {
  int64_t length;
  void* data;
};

// `type` receives its type, unless it is null.
TypedArrayInfo typed_array_info(Napi::Value value, const char* name, napi_typedarray_type* type) {
  size_t length;
  void* data;
  // Fails for what is no typed array: to ask that first would be one more call into the engine.
  if (napi_get_typedarray_info(value.Env(), value, type, &length, &data, nullptr, nullptr) != napi_ok)
    throw unexpected_value(value, "a typed array", name);
  return {static_cast<int64_t>(length), data};
}

void* long_enough(const TypedArrayInfo& found, Napi::Value value, const char* name, int64_t length) {
  if (found.length < length) {
    throw typed_error(value.Env(), "SHAPE_MISMATCH",
                      "expected at least " + std::to_string(length) + " elements for " + name + ", got " +
                          std::to_string(found.length));
  }
  return found.data;
}

}  // namespace

void* memory_of(Napi::Value value, const char* name, napi_typedarray_type type, int64_t length) {
  napi_typedarray_type got;
  const TypedArrayInfo found = typed_array_info(value, name, &got);
  if (got != type) throw unexpected_value(value, "a typed array of the dtype", name);
  return long_enough(found, value, name, length);
}

void* memory_of_known_type(Napi::Value value, const char* name, int64_t length) {
  return long_enough(typed_array_info(value, name, nullptr), value, name, length);
}

Numbers numbers_of(Napi::Value value, const char* name, int64_t& length) {
  napi_typedarray_type type;
  const auto [elements, data] = typed_array_info(value, name, &type);
  length = elements;
  switch (type) {
    case napi_float32_array:
      return {data, ElementType::kFloat32};
    case napi_float64_array:
      return {data, ElementType::kFloat64};
    case napi_int8_array:
      return {data, ElementType::kInt8};
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return {data, ElementType::kUint8};
    case napi_int16_array:
      return {data, ElementType::kInt16};
    case napi_uint16_array:
      return {data, ElementType::kUint16};
    case napi_int32_array:
      return {data, ElementType::kInt32};
    case napi_uint32_array:
      return {data, ElementType::kUint32};
    default:
      throw unexpected_value(value, "a numeric typed array", name);
  }
}

int64_t matrix_span(Napi::Env env, const char* name, int64_t rows, int64_t columns, int64_t leading) {
  if (leading < columns) {
    throw typed_error(env, "SHAPE_MISMATCH",
                      "expected a leading dimension of at least " + std::to_string(columns) + " for " + name +
                          ", got " + std::to_string(leading));
  }
  return rows == 0 || columns == 0 ? 0 : (rows - 1) * leading + columns;
}

Arguments::Arguments(Napi::Value value, const char* name) {
  if (!value.IsObject()) {
    throw typed_error(value.Env(), "INVALID_ARGUMENT", std::string("expected an object for ") + name);
  }
  object_ = value.As<Napi::Object>();
}

Napi::Error Arguments::unexpected(const char* what, const char* name) const {
  return unexpected_value(object_.Get(name), what, name);
}

bool Arguments::has(const char* name) const {
  const Napi::Value value = object_.Get(name);
  return !value.IsUndefined() && !value.IsNull();
}

std::string Arguments::text(const char* name) const {
  const Napi::Value value = object_.Get(name);
  if (!value.IsString()) throw unexpected("a string", name);
  return value.As<Napi::String>().Utf8Value();
}

double Arguments::number(const char* name) const {
  const Napi::Value value = object_.Get(name);
  if (!value.IsNumber()) throw unexpected("a number", name);
  return value.As<Napi::Number>().DoubleValue();
}

int64_t Arguments::integer(const char* name, int64_t minimum, int64_t maximum) const {
  const double value = number(name);
  if (!(value >= static_cast<double>(minimum) && value <= static_cast<double>(maximum)) ||
      value != static_cast<double>(static_cast<int64_t>(value))) {
    throw unexpected("an integer in range", name);
  }
  return static_cast<int64_t>(value);
}

std::vector<double> Arguments::numbers(const char* name) const {
  const Napi::Value value = object_.Get(name);
  if (!value.IsArray()) throw unexpected("an array of numbers", name);
  const Napi::Array list = value.As<Napi::Array>();
  std::vector<double> found;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value element = list.Get(i);
    if (!element.IsNumber()) throw unexpected("an array of numbers", name);
    found.push_back(element.As<Napi::Number>().DoubleValue());
  }
  return found;
}

Napi::Array Arguments::list(const char* name, size_t length) const {
  const Napi::Value value = object_.Get(name);
  if (!value.IsArray() || value.As<Napi::Array>().Length() != length) {
    throw unexpected(("a list of " + std::to_string(length)).c_str(), name);
  }
  return value.As<Napi::Array>();
}

int64_t Arguments::array_length(const char* name) const {
  const Napi::Value value = object_.Get(name);
  if (!value.IsTypedArray()) throw unexpected("a typed array", name);
  return static_cast<int64_t>(value.As<Napi::TypedArray>().ElementLength());
}

ActivationPlan read_activation(const Arguments& arguments) {
  return {arguments.text("name"), arguments.numbers("parameters")};
}

LossPlan read_loss(const Arguments& arguments) {
  return {.kernel = arguments.text("kernel"),
          .on_pre_activation = arguments.flag("onPreActivation"),
          .parameters = arguments.numbers("parameters"),
          .scale = arguments.number("scale"),
          .mean = arguments.text("reduction") == "mean"};
}

OptimizerPlan read_optimizer(const Arguments& arguments) {
  return {arguments.text("kernel"), arguments.numbers("parameters")};
}

ClipPlan read_clip(const Arguments& arguments) {
  if (!arguments.has("clip")) return {};
  const Arguments clip = arguments.object("clip");
  return {clip.has("norm") ? clip.number("norm") : 0, clip.has("value") ? clip.number("value") : 0};
}

namespace {

LayerPlan read_layer(const Arguments& layer) {
  using Kind = LayerPlan::Kind;
  LayerPlan plan = {.kind = Kind::kDense, .inputs = layer.size("inputs"), .units = layer.size("units")};
  const std::string kind = layer.text("kind");
  if (kind == "dense") {
    plan.activation = read_activation(layer.object("activation"));
    plan.bias = layer.flag("bias");
    plan.l1 = layer.number("l1");
    plan.l2 = layer.number("l2");
    plan.max_norm = layer.number("maxNorm");
    plan.non_negative = layer.flag("nonNegative");
  } else if (kind == "dropout") {
    plan.kind = Kind::kDropout;
    plan.rate = layer.number("rate");
  } else if (kind == "activation") {
    plan.kind = Kind::kActivation;
    plan.activation = read_activation(layer.object("activation"));
  } else if (kind == "batchNormalization") {
    plan.kind = Kind::kBatchNormalization;
    plan.momentum = layer.number("momentum");
    plan.epsilon = layer.number("epsilon");
  } else if (kind == "layerNormalization") {
    plan.kind = Kind::kLayerNormalization;
    plan.epsilon = layer.number("epsilon");
  } else {
    throw typed_error(layer.env(), "INVALID_ARGUMENT", "expected the kind of a layer for kind, got " + kind);
  }
  return plan;
}

}  // namespace

Plan read_plan(const Arguments& arguments) {
  Plan plan = {.inputs = arguments.size("inputs"),
               .outputs = arguments.size("outputs"),
               .layers = {},
               .seed = static_cast<uint32_t>(arguments.integer("seed", 0, std::numeric_limits<uint32_t>::max())),
               .threads = static_cast<int>(arguments.integer("threads", 1, Arguments::kMostThreads))};
  int width = plan.inputs;
  const Napi::Array layers = arguments.raw().Get("layers").As<Napi::Array>();
  for (uint32_t i = 0; i < layers.Length(); ++i) {
    const Arguments layer(layers.Get(i), "layer");
    const LayerPlan entry = read_layer(layer);
    if (entry.inputs != width || (entry.kind != LayerPlan::Kind::kDense && entry.units != width)) {
      throw typed_error(arguments.env(), "SHAPE_MISMATCH", "expected layers whose widths follow one another");
    }
    width = entry.units;
    plan.layers.push_back(entry);
  }
  if (plan.layers.empty() || width != plan.outputs) {
    throw typed_error(arguments.env(), "SHAPE_MISMATCH", "expected layers that end with the outputs' width");
  }
  return plan;
}

Samples read_samples(const Arguments& arguments, const Plan& plan) {
  Samples samples;
  int64_t length;
  samples.x = arguments.any_array("x", length);
  samples.rows = plan.inputs > 0 ? length / plan.inputs : 0;
  if (arguments.has("y")) {
    samples.y = arguments.any_array("y", length);
    samples.rows = std::min<int64_t>(samples.rows, plan.outputs > 0 ? length / plan.outputs : 0);
  }
  if (arguments.has("classes")) {
    samples.classes = arguments.array<int32_t>("classes", 0);
    samples.rows = std::min(samples.rows, arguments.array_length("classes"));
  }
  if (arguments.has("weights")) {
    samples.weights = arguments.array<double>("weights", 0);
    samples.rows = std::min(samples.rows, arguments.array_length("weights"));
  }
  return samples;
}

}  // namespace chainrule
