#include "binding/tensor_handles.h"

#include "binding/addon_data.h"
#include "binding/readers.h"
#include "engine/error.h"

namespace hyperfit::binding {

void report_memory(Napi::Env env) {
  AddonData& data = addon_data(env);
  data.external.settle(env, data.tensors, model_table_bytes(env));
}

Napi::Value new_handle(Napi::Env env, at::Tensor tensor) {
  Handle handle = addon_data(env).tensors.put(std::move(tensor));
  report_memory(env);
  return Napi::Number::New(env, handle);
}

at::Device read_device(const Napi::Value& value, const std::string& name) {
  std::string text = read_string(value, name);
  try {
    return at::Device(text);
  } catch (const c10::Error&) {
    throw Error("ERR_DEVICE", "expected \"cpu\", \"cuda\" or \"cuda:<index>\" for `" + name + "`, got \"" + text + "\"");
  }
}

}  // namespace hyperfit::binding
