#include <napi.h>

#include <memory>
#include <string>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/model_functions.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"
#include "engine/low_rank_sum.h"

namespace hyperfit::binding {
namespace {

at::Tensor tensor_argument(const Napi::Value& value, const char* name) {
  return addon_data(value.Env()).tensors.get(read_handle(value, name)).detach();
}

// Rows that are looked up are read as they are, and a sum without a value is rounded.
bool is_looked_up(const Decoder& decoder, const Parameter& parameter) {
  return &parameter == decoder.embedding().weight || &parameter == decoder.positions().weight;
}

Napi::Value model_add_low_rank(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const std::string name = read_string(info[1], "parameter");
  auto sum = std::make_shared<LowRankSum>();
  sum->a = tensor_argument(info[2], "a");
  sum->b = tensor_argument(info[3], "b");
  sum->scale = read_number(info[4], "scale");
  sum->transposed = read_boolean(info[5], "transposed");
  if (!info[6].IsNull()) sum->base = tensor_argument(info[6], "base");
  return queue_model_task(
      info.Env(), model,
      [model, name, sum] {
        ParameterStore& parameters = model->decoder().parameters();
        Parameter& parameter = parameters.at(name);
        if (is_looked_up(model->decoder(), parameter)) parameters.begin_writing();
        if (!sum->base.defined()) sum->base = parameters.copy_held(parameter);
        parameters.write_sum(parameter, sum);
      },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

}  // namespace

void init_low_rank(Napi::Env env, Napi::Object exports) {
  exports.Set("modelAddLowRank", Napi::Function::New<guarded<model_add_low_rank>>(env, "modelAddLowRank"));
}

}  // namespace hyperfit::binding
