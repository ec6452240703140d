#pragma once
#include <napi.h>

#include <vector>

#include "engine/stored_form.h"
#include "engine/tensor_file.h"

namespace hyperfit::binding {

/// One TensorSource of lib/addon-types.ts. Throws a TypeError naming the field for what is none.
TensorSource read_tensor_source(const Napi::Object& object);

/// An array of them.
std::vector<TensorSource> read_tensor_sources(const Napi::Value& value);

/// One StoredForm of lib/addon-types.ts; throws as well.
StoredForm read_stored_form(const Napi::Value& value);

}  // namespace hyperfit::binding
