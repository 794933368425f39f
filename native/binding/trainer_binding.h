#pragma once

#include <napi.h>

namespace chainrule {

// Trainer: the class that src/backend/native.ts wraps.
void export_trainer(Napi::Env env, Napi::Object exports);

}  // namespace chainrule
