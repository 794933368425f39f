// Readers for what crosses from TypeScript. Meaning was validated there; types, lengths and ranges that memory safety
// rests on are checked again here, and a mismatch throws the package's own typed error.
#pragma once

#include <napi.h>
#include <stdint.h>

#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "../training/call_resources.h"
#include "../training/job_thread.h"
#include "../training/plan.h"

namespace chainrule {

// Per environment (a worker has its own): no mutable statics.
struct InstanceData {
  Napi::FunctionReference error_class;  // new (code, message)
  CallResources resources;
  std::vector<std::unique_ptr<JobThread>> job_threads;  // without a job
};

Napi::Error typed_error(Napi::Env env, const char* code, const std::string& message);

// Runs a function that may throw a C++ exception, and turns it into a typed error.
template <typename Function>
auto guarded(Napi::Env env, Function function) {
  try {
    return function();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw typed_error(env, "INVALID_ARGUMENT", error.what());
  }
}

template <typename T>
inline constexpr napi_typedarray_type kArrayType = napi_uint8_array;
template <>
inline constexpr napi_typedarray_type kArrayType<float> = napi_float32_array;
template <>
inline constexpr napi_typedarray_type kArrayType<double> = napi_float64_array;
template <>
inline constexpr napi_typedarray_type kArrayType<int32_t> = napi_int32_array;
template <>
inline constexpr napi_typedarray_type kArrayType<uint32_t> = napi_uint32_array;

// The memory of a typed array of exactly this type and at least this length.
void* memory_of(Napi::Value value, const char* name, napi_typedarray_type type, int64_t length);
// The same for small jobs, of which to ask for the type takes a tenth: TypeScript has asked, by dtypeOf, which no array
// can deceive, and an array's type never changes. Its length may, where a buffer is detached, and is checked here.
void* memory_of_known_type(Napi::Value value, const char* name, int64_t length);
// Any numeric typed array; `length` receives its length.
Numbers numbers_of(Napi::Value value, const char* name, int64_t& length);
// Elements from the first to the last of a matrix that lies (rows, columns) with a leading dimension.
int64_t matrix_span(Napi::Env env, const char* name, int64_t rows, int64_t columns, int64_t leading);

class Arguments {
 public:
  explicit Arguments(Napi::Value value, const char* name = "arguments");

  Napi::Env env() const { return object_.Env(); }
  bool has(const char* name) const;
  Arguments object(const char* name) const { return Arguments(object_.Get(name), name); }
  std::string text(const char* name) const;
  double number(const char* name) const;
  bool flag(const char* name) const { return object_.Get(name).ToBoolean().Value(); }
  int64_t integer(const char* name, int64_t minimum = 0, int64_t maximum = int64_t{1} << 53) const;
  int size(const char* name) const { return static_cast<int>(integer(name, 0, kLargestSize)); }
  std::vector<double> numbers(const char* name) const;

  // A typed array of exactly this type and at least this length.
  template <typename T>
  T* array(const char* name, int64_t length) const {
    return static_cast<T*>(memory_of(object_.Get(name), name, kArrayType<std::remove_const_t<T>>, length));
  }
  // Null where absent.
  template <typename T>
  T* optional_array(const char* name, int64_t length) const {
    return has(name) ? array<T>(name, length) : nullptr;
  }
  // A list of typed arrays of exactly these lengths.
  template <typename T>
  std::vector<T*> arrays(const char* name, const std::vector<int64_t>& lengths) const {
    std::vector<T*> found;
    const Napi::Array list = this->list(name, lengths.size());
    for (size_t i = 0; i < lengths.size(); ++i) {
      found.push_back(static_cast<T*>(memory_of(list.Get(static_cast<uint32_t>(i)), name, kArrayType<T>, lengths[i])));
    }
    return found;
  }
  // A matrix that lies (rows, columns) with a leading dimension.
  template <typename T>
  T* matrix(const char* name, int64_t rows, int64_t columns, int64_t leading) const {
    return array<T>(name, matrix_span(env(), name, rows, columns, leading));
  }
  Numbers any_array(const char* name, int64_t& length) const { return numbers_of(object_.Get(name), name, length); }
  int64_t array_length(const char* name) const;

  Napi::Array list(const char* name, size_t length) const;
  Napi::Object raw() const { return object_; }

  // Sizes are int in the kernels, with room for padding.
  static constexpr int64_t kLargestSize = std::numeric_limits<int>::max() - 1024;
  static constexpr int kMostThreads = 1024;

 private:
  Napi::Error unexpected(const char* what, const char* name) const;

  Napi::Object object_;
};

ActivationPlan read_activation(const Arguments& arguments);
LossPlan read_loss(const Arguments& arguments);
OptimizerPlan read_optimizer(const Arguments& arguments);
ClipPlan read_clip(const Arguments& arguments);
Plan read_plan(const Arguments& arguments);
Samples read_samples(const Arguments& arguments, const Plan& plan);

}  // namespace chainrule
