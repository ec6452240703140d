// A training pass in two halves, between which JavaScript computes a loss of its own from the logits.
#include <napi.h>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/control.h"
#include "binding/model_functions.h"
#include "binding/model_readers.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"

namespace hyperfit::binding {
namespace {

struct KeptForward {
  at::Tensor logits;
  int64_t pass;
};

Napi::Value model_forward_keeping(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  HostBatch batch = read_batch(info[1], info[3], info[4], model->decoder().config(), false);
  read_batch(info[2], info[3], info[4], model->decoder().config(), true);  // targets are the caller's; they are only checked
  Control control(info[5], &model->retirement());
  return queue_model_task(
      info.Env(), model,
      [model, batch, control] {
        const at::Tensor logits = model->forward_keeping(to_device(batch, *model), control.signals());
        return KeptForward{logits.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).view({batch.batch, batch.sequence, -1}),
                           model->decoder().kept_pass()};
      },
      [](Napi::Env env, KeptForward& forward) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("logits", new_handle(env, forward.logits));
        result.Set("pass", Napi::Number::New(env, static_cast<double>(forward.pass)));
        return result;
      });
}

Napi::Value model_backward_from(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const int64_t pass = read_integer(info[1], "pass", 0);
  const at::Tensor gradient = addon_data(info.Env()).tensors.get(read_handle(info[2], "gradient")).detach();
  const int64_t vocabulary = model->decoder().config().output_vocab_size;
  if (gradient.dim() != 3 || gradient.size(2) != vocabulary || gradient.scalar_type() != at::kFloat ||
      gradient.device().type() != model->device().type()) {
    throw Error("ERR_SHAPE", "expected a float32 `gradient` of the logits, on the model's device");
  }
  Control control(info[3], &model->retirement());
  return queue_model_task(
      info.Env(), model,
      [model, pass, gradient, control] { model->backward_from(pass, gradient.reshape({-1, gradient.size(2)}), control.signals()); },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

}  // namespace

void init_loss(Napi::Env env, Napi::Object exports) {
  exports.Set("modelForwardKeeping", Napi::Function::New<guarded<model_forward_keeping>>(env, "modelForwardKeeping"));
  exports.Set("modelBackwardFrom", Napi::Function::New<guarded<model_backward_from>>(env, "modelBackwardFrom"));
}

}  // namespace hyperfit::binding
