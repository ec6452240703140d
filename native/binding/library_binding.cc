#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/DeviceType.h>
#include <napi.h>

#include <string>
#include <vector>

#include "binding/addon_data.h"
#include "binding/errors.h"
#include "binding/launch_notes.h"
#include "binding/readers.h"
#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"
#include "ops/cpu/memory/address_limit.h"
#include "ops/cpu/memory/allocation_guard.h"
#include "ops/cpu/memory/memory_limit.h"
#include "ops/select.h"
#include "ops/cpu/skinny_gemm/product.h"
#include "ops/cpu/tiles/tiles.h"

namespace hyperfit::binding {
namespace {

// The version of the library that is loaded, which the headers cannot know: its build settings hold TORCH_VERSION=2.11.0.
std::string loaded_version() {
  std::string settings = at::show_config();
  const std::string key = "TORCH_VERSION=";
  size_t start = settings.find(key);
  if (start == std::string::npos) return "unknown";
  start += key.size();
  return settings.substr(start, settings.find_first_of(", \n", start) - start);
}

/// A backend that another library of this process has registered under a name of its own, or null.
Napi::Value other_backend(Napi::Env env) {
  if (!c10::is_privateuse1_backend_registered() || !at::isPrivateUse1HooksRegistered()) return env.Null();
  Napi::Object result = Napi::Object::New(env);
  result.Set("type", c10::get_privateuse1_backend());
  result.Set("deviceCount", Napi::Number::New(env, at::detail::getPrivateUse1Hooks().deviceCount()));
  return result;
}

/// libraryInfo(): the first question about CUDA is also the last one libtorch answers, so libtorch_cuda must be loaded
/// before, if at all.
Napi::Value library_info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  bool cuda = at::globalContext().hasCUDA();
  Napi::Object result = Napi::Object::New(env);
  result.Set("torchVersion", loaded_version());
  result.Set("builtFor", HYPERFIT_TORCH_SERIES);
  result.Set("cpuCapability", at::get_cpu_capability());
  result.Set("bfloat16Kernels", kernels::multiplies_bfloat16());
  result.Set("bfloat16Products", kernels::has_bfloat16_products());
  result.Set("tiles", kernels::has_tiles());
  result.Set("numThreads", Napi::Number::New(env, at::get_num_threads()));
  result.Set("cudaAvailable", cuda);
  result.Set("cudaDeviceCount", Napi::Number::New(env, cuda ? at::detail::getCUDAHooks().deviceCount() : 0));
  result.Set("otherBackend", other_backend(env));
  return result;
}

/// setNumThreads(threads): for tensor calls on this thread and for the compute thread.
Napi::Value set_num_threads(const Napi::CallbackInfo& info) {
  auto threads = static_cast<int>(read_integer(info[0], "threads", 1, 1024));
  at::set_num_threads(threads);
  addon_data(info.Env()).compute.set_num_threads(threads);
  return info.Env().Undefined();
}

/// setKernels(enabled): our own kernels (the default) or libtorch's operators, for the whole process.
Napi::Value set_kernels(const Napi::CallbackInfo& info) {
  set_kernels_enabled(read_boolean(info[0], "enabled"));
  return info.Env().Undefined();
}

std::vector<std::string> read_strings(const Napi::Object& object, const char* name) {
  const Napi::Array array = read_array(object.Get(name), name);
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < array.Length(); ++i) strings.push_back(read_string(array.Get(i), name));
  return strings;
}

/// limitMemory(limits): of the cgroups that this process is in (memory_limit.h). None leaves all as it is.
Napi::Value limit_memory(const Napi::CallbackInfo& info) {
  const Napi::Array array = read_array(info[0], "limits");
  std::vector<MemoryLimit> limits;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object limit = read_object(array.Get(i), "limits");
    limits.push_back({.limits = read_strings(limit, "limits"),
                      .usage = read_string(limit.Get("usage"), "usage"),
                      .statistics = read_string(limit.Get("statistics"), "statistics"),
                      .cached = read_strings(limit, "cached"),
                      .mapped = read_string(limit.Get("mapped"), "mapped")});
  }
  if (!limits.empty()) guard_allocations();
  set_memory_limits(std::move(limits));
  return info.Env().Undefined();
}

Napi::Value memory_stats(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const TensorTable& tensors = addon_data(env).tensors;
  Napi::Object result = Napi::Object::New(env);
  result.Set("liveTensors", Napi::Number::New(env, static_cast<double>(tensors.live_count())));
  result.Set("liveTensorBytes", Napi::Number::New(env, static_cast<double>(tensors.live_bytes())));
  result.Set("liveModels", Napi::Number::New(env, static_cast<double>(live_models(env))));
  return result;
}

}  // namespace

void init_library(Napi::Env env, Napi::Object exports) {
  exports.Set("libraryInfo", Napi::Function::New<guarded<library_info>>(env, "libraryInfo"));
  exports.Set("setNumThreads", Napi::Function::New<guarded<set_num_threads>>(env, "setNumThreads"));
  exports.Set("setKernels", Napi::Function::New<guarded<set_kernels>>(env, "setKernels"));
  init_launches(env, exports);
  if (addresses_are_limited()) guard_allocations();
  exports.Set("limitMemory", Napi::Function::New<guarded<limit_memory>>(env, "limitMemory"));
  exports.Set("memoryStats", Napi::Function::New<guarded<memory_stats>>(env, "memoryStats"));
}

}  // namespace hyperfit::binding
