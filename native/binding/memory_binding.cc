#include <napi.h>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/config_reader.h"
#include "binding/model_functions.h"
#include "binding/model_readers.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"
#include "engine/step_memory.h"

namespace hyperfit::binding {
namespace {

void set_bytes(Napi::Object& object, const char* name, int64_t bytes) {
  object.Set(name, Napi::Number::New(object.Env(), static_cast<double>(bytes)));
}

Napi::Value model_memory(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  ParameterStore& parameters = model->decoder().parameters();
  const at::Tensor& gradients = parameters.flat_gradients();
  Napi::Object result = Napi::Object::New(info.Env());
  set_bytes(result, "parameterBytes", parameters.value_bytes());
  set_bytes(result, "computeBytes", parameters.compute_bytes());
  set_bytes(result, "gradientBytes", gradients.defined() ? static_cast<int64_t>(gradients.nbytes()) : 0);
  set_bytes(result, "workspaceBytes", model->decoder().workspace_bytes());
  set_bytes(result, "temporaryBytes", model->decoder().temporary_bytes());
  set_bytes(result, "cacheBytes", model->cache().bytes());
  return result;
}

Napi::Value step_memory_of(const Napi::CallbackInfo& info) {
  const ModelConfig config = read_model_config(info[0]);
  const at::Device device = read_device(info[1], "device");
  const at::ScalarType compute_dtype = read_compute_dtype(info[2]);
  const StepShape shape{.batch = read_integer(info[3], "batchSize", 1),
                        .sequence = read_integer(info[4], "sequenceLength", 1),
                        .first_trained = read_integer(info[5], "firstTrainedLayer", 0, config.num_hidden_layers - 1),
                        .activations = read_boolean(info[6], "recompute") ? Activations::recomputed : Activations::kept};
  const StepMemory memory = step_memory(config, device, compute_dtype, shape);
  Napi::Object result = Napi::Object::New(info.Env());
  set_bytes(result, "activationBytes", memory.activations);
  set_bytes(result, "logitBytes", memory.logits);
  set_bytes(result, "attentionBytes", memory.attention);
  set_bytes(result, "graphBytes", memory.graphs);
  result.Set("sumsInFloat32", memory.sums_in_float32);
  return result;
}

}  // namespace

void init_memory(Napi::Env env, Napi::Object exports) {
  exports.Set("modelMemory", Napi::Function::New<guarded<model_memory>>(env, "modelMemory"));
  exports.Set("stepMemory", Napi::Function::New<guarded<step_memory_of>>(env, "stepMemory"));
}

}  // namespace hyperfit::binding
