#include "binding/arguments.h"
#include "binding/kernels_binding.h"
#include "binding/trainer_binding.h"

namespace chainrule {
namespace {

// setErrorClass(class): what this addon throws; a class with (code, message).
void set_error_class(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<InstanceData>()->error_class = Napi::Persistent(info[0].As<Napi::Function>());
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new InstanceData);
  exports.Set("setErrorClass", Napi::Function::New(env, set_error_class));
  export_kernels(env, exports);
  export_trainer(env, exports);
  return exports;
}

}  // namespace
}  // namespace chainrule

static Napi::Object start(Napi::Env env, Napi::Object exports) { return chainrule::start(env, exports); }

NODE_API_MODULE(chainrule, start)
