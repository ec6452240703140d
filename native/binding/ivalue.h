#pragma once
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <napi.h>

#include "binding/tensor_table.h"

namespace hyperfit::binding {

/// A NativeValue of lib/addon-types.ts as the operator wants it. `argument` is of the operator's own schema, which
/// settles what a JS number means: an int, a float, a dtype. Throws Error: "TypeError" naming operator and argument,
/// ERR_DISPOSED, ERR_DEVICE.
c10::IValue to_ivalue(const Napi::Value& value, const c10::FunctionSchema& schema, const c10::Argument& argument,
                      const TensorTable& tensors);

/// Whether `to_ivalue` has a chance, judged by the kind of the value alone: sorts out overloads without throwing.
bool may_convert(const Napi::Value& value, const c10::Argument& argument);

/// A NativeResult; tensors are put into the table. Throws Error ERR_TORCH for kinds that have no JS counterpart.
Napi::Value to_native_result(Napi::Env env, const c10::IValue& value, TensorTable& tensors);

/// `{handle}` of a new slot, or null for an undefined tensor.
Napi::Value to_tensor_object(Napi::Env env, const at::Tensor& tensor, TensorTable& tensors);

}  // namespace hyperfit::binding
