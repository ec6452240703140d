#pragma once
#include <napi.h>

#include <cstdint>
#include <vector>

#include "engine/generation.h"

namespace hyperfit::binding {

/// Copies as typed arrays.
Napi::Int32Array int_array(Napi::Env env, const std::vector<int32_t>& values);
Napi::Float32Array float_array(Napi::Env env, const std::vector<float>& values);

/// NativeGeneration of lib/addon-types.ts.
Napi::Object generation_object(Napi::Env env, const Generation& generation, bool token_stats);

}  // namespace hyperfit::binding
