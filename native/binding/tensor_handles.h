#pragma once
#include <ATen/core/Tensor.h>
#include <napi.h>

#include <string>

namespace hyperfit::binding {

/// Tells V8 of memory taken or given back since the last report; frees tensors that are forgotten when they have become many.
void report_memory(Napi::Env env);

/// Puts a tensor into this environment's table, tells V8 of its memory, gives the number JavaScript knows it by.
Napi::Value new_handle(Napi::Env env, at::Tensor tensor);

/// "cpu", "cuda", "cuda:1". Throws ERR_DEVICE for anything else.
at::Device read_device(const Napi::Value& value, const std::string& name);

}  // namespace hyperfit::binding
