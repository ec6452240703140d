#pragma once
#include <ATen/core/ivalue.h>
#include <napi.h>

#include <string>
#include <vector>

#include "binding/tensor_table.h"

namespace hyperfit::binding {

/// Calls any operator of libtorch through its dispatcher, autograd included, and gives what it returned.
///
/// `name` is "aten::add.Tensor", or "aten::add": then the overloads are tried ("" first) and the first one that accepts
/// the arguments is called; an out= overload only when its `out` is given. Throws Error: "TypeError" when none does, naming what each one
/// expected; ERR_TORCH when there is no such operator. What the operator itself throws is c10::Error.
std::vector<c10::IValue> call_operator(const std::string& name, const Napi::Array& args, const Napi::Object& kwargs,
                                       const TensorTable& tensors);

}  // namespace hyperfit::binding
