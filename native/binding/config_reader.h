#pragma once
#include <napi.h>

#include "engine/model_config.h"

namespace hyperfit::binding {

/// ModelConfig of lib/addon-types.ts. Throws ERR_UNSUPPORTED_MODEL for shapes that the engine cannot compute.
ModelConfig read_model_config(const Napi::Value& value);

}  // namespace hyperfit::binding
