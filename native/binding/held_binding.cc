#include <napi.h>

#include <string>
#include <utility>
#include <vector>

#include "binding/async_task.h"
#include "binding/model_functions.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"
#include "engine/tensor_file.h"

namespace hyperfit::binding {
namespace {

/// As it is held, to be read: float32 or bfloat16, sharing memory; a sum is made, and kept where there is most room.
Napi::Value model_held_parameter(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const std::string name = read_string(info[1], "parameter");
  return queue_model_task(
      info.Env(), model,
      [model, name] {
        ParameterStore& store = model->decoder().parameters();
        const Parameter& parameter = store.at(name);
        const at::Tensor held = store.held(parameter);
        return parameter.sum ? held.cpu() : held;
      },
      [](Napi::Env env, at::Tensor& held) { return new_handle(env, held); });
}

Napi::Value model_save_parameters(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  std::string path = read_string(info[1], "path");
  std::vector<uint8_t> header = copy_typed_array<uint8_t>(info[2], "header");
  const Napi::Array array = read_array(info[3], "parameters");
  std::vector<std::string> names;
  for (uint32_t i = 0; i < array.Length(); ++i) names.push_back(read_string(array.Get(i), "parameters"));
  return queue_model_task(
      info.Env(), model,
      [model, path = std::move(path), header = std::move(header), names = std::move(names)] {
        ParameterStore& store = model->decoder().parameters();
        save_tensors(path, header, names.size(), [&](size_t i) { return store.held(store.at(names[i])); });
      },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

}  // namespace

void init_held(Napi::Env env, Napi::Object exports) {
  exports.Set("modelHeldParameter", Napi::Function::New<guarded<model_held_parameter>>(env, "modelHeldParameter"));
  exports.Set("modelSaveParameters", Napi::Function::New<guarded<model_save_parameters>>(env, "modelSaveParameters"));
}

}  // namespace hyperfit::binding
