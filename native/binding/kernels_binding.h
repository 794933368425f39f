#pragma once

#include <napi.h>

namespace chainrule {

// instructionSets(), registry(isa), peak(isa, dtype, rounds), and kernel(isa, dtype, name, arguments).
void export_kernels(Napi::Env env, Napi::Object exports);

}  // namespace chainrule
