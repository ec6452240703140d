#include "binding/tensor_handles.h"

#include "binding/addon_data.h"
#include "binding/readers.h"
#include "engine/error.h"

namespace hyperfit::binding {
namespace {

// V8 collects sooner when it knows of the memory behind its small objects.
constexpr int64_t kReportChunk = 1 << 20;

}  // namespace

void report_memory(Napi::Env env) {
  int64_t change = addon_data(env).tensors.take_unreported_bytes(kReportChunk);
  if (change != 0) Napi::MemoryManagement::AdjustExternalMemory(env, change);
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
