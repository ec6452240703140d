#include "binding/launch_notes.h"

#include "binding/errors.h"
#include "binding/readers.h"
#include "graph/graph.h"
#include "graph/graph_report.h"
#include "ops/cuda/launch/report.h"

namespace hyperfit::binding {
namespace {

Napi::Value set_kernel_images(const Napi::CallbackInfo& info) {
  const std::string path = read_string(info[0], "path");
  std::string unpacked;
  if (!info[1].IsUndefined()) {
    const std::span<uint8_t> bytes = read_typed_array<uint8_t>(info[1], "unpacked");
    unpacked.assign(bytes.begin(), bytes.end());
  }
  cuda::set_kernel_images(path, std::move(unpacked));
  return info.Env().Undefined();
}

Napi::Value cuda_kernels(const Napi::CallbackInfo& info) {
  const cuda::LaunchReport report = cuda::launch_report();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("images", report.images);
  result.Set("launches", static_cast<double>(report.launches));
  result.Set("failure", report.failure);
  return result;
}

Napi::Value set_graphs(const Napi::CallbackInfo& info) {
  set_graphs_enabled(read_boolean(info[0], "enabled"));
  return info.Env().Undefined();
}

Napi::Value device_graphs(const Napi::CallbackInfo& info) {
  const GraphReport report = graph_report();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("recorded", static_cast<double>(report.recorded));
  result.Set("replays", static_cast<double>(report.replays));
  result.Set("refusals", static_cast<double>(report.refusals));
  result.Set("refusal", report.refusal);
  return result;
}

void warn(Napi::Env env, const std::optional<std::string>& note) {
  if (!note) return;
  try {
    const Napi::Object process = env.Global().Get("process").As<Napi::Object>();
    process.Get("emitWarning")
        .As<Napi::Function>()
        .Call(process, {Napi::String::New(env, *note), Napi::String::New(env, "HyperfitWarning")});
  } catch (const Napi::Error&) {
    // Whoever took emitWarning away does not want to hear of it.
  }
}

}  // namespace

void deliver_launch_notes(Napi::Env env) {
  warn(env, cuda::take_launch_note());
  warn(env, take_graph_note());
}

void init_launches(Napi::Env env, Napi::Object exports) {
  exports.Set("setKernelImages", Napi::Function::New<guarded<set_kernel_images>>(env, "setKernelImages"));
  exports.Set("setGraphs", Napi::Function::New<guarded<set_graphs>>(env, "setGraphs"));
  exports.Set("deviceGraphs", Napi::Function::New<guarded<device_graphs>>(env, "deviceGraphs"));
  exports.Set("cudaKernels", Napi::Function::New<guarded<cuda_kernels>>(env, "cudaKernels"));
}

}  // namespace hyperfit::binding
