#include <napi.h>

#include <cmath>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/model_functions.h"
#include "binding/control.h"
#include "binding/model_readers.h"
#include "binding/model_table.h"
#include "engine/error.h"
#include "binding/readers.h"
#include "binding/tensor_handles.h"

namespace hyperfit::binding {
namespace {

/// Beyond it a product of two factors is larger than any matrix of a model.
constexpr int64_t kMaxRank = 1 << 16;

std::shared_ptr<OptimizerHolder> optimizer_argument(const Napi::CallbackInfo& info) {
  return addon_data(info.Env()).models->optimizers.get(read_handle(info[0], "optimizer"));
}

LoraOptions lora_options(const Napi::Object& object) {
  LoraOptions options;
  options.rank = read_integer(object.Get("rank"), "lora.rank", 1, kMaxRank);
  options.alpha = read_number(object.Get("alpha"), "lora.alpha");
  options.seed = static_cast<uint64_t>(read_integer(object.Get("seed"), "lora.seed", 0));
  options.transposed = read_boolean(object.Get("transposed"), "lora.transposed");
  const Napi::Array names = read_array(object.Get("names"), "lora.names");
  for (uint32_t i = 0; i < names.Length(); ++i) options.names.push_back(read_string(names.Get(i), "lora.names"));
  return options;
}

std::vector<std::pair<std::string, at::Tensor>> state_of(const OptimizerHolder& holder) {
  return holder.lora ? holder.lora->state() : holder.adamw->state();
}

/// What it keeps, and the gradients that the model takes for it.
int64_t held_bytes(const OptimizerHolder& holder) {
  constexpr int64_t kFloat = sizeof(float);
  int64_t bytes = holder.lora ? 0 : kFloat * holder.model->decoder().parameters().values_like().numel();
  for (const auto& [name, tensor] : state_of(holder)) {
    bytes += static_cast<int64_t>(tensor.nbytes()) + (name.starts_with("base.") ? kFloat * tensor.numel() : 0);
  }
  return bytes;
}

Napi::Value optimizer_create(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const Napi::Object object = read_object(info[1], "options");
  AdamWOptions options;
  options.beta1 = read_number(object.Get("beta1"), "beta1");
  options.beta2 = read_number(object.Get("beta2"), "beta2");
  options.eps = read_number(object.Get("eps"), "eps");
  options.weight_decay = read_number(object.Get("weightDecay"), "weightDecay");
  options.moments_in_8_bits = read_boolean(object.Get("momentsIn8Bits"), "momentsIn8Bits");
  ParameterStore& parameters = model->decoder().parameters();
  auto holder = std::make_shared<OptimizerHolder>(parameters.ops());
  holder->model = model;
  if (object.Get("lora").IsUndefined()) {
    holder->adamw = std::make_unique<AdamW>(parameters, options);
  } else {
    holder->lora = std::make_unique<Lora>(parameters, options, lora_options(read_object(object.Get("lora"), "lora")));
  }
  const int64_t bytes = held_bytes(*holder);
  const Napi::Value handle = Napi::Number::New(info.Env(), addon_data(info.Env()).models->optimizers.put(std::move(holder), bytes));
  report_memory(info.Env());
  return handle;
}

Napi::Value optimizer_dispose(const Napi::CallbackInfo& info) {
  const bool ends_work = !info[1].IsUndefined() && read_boolean(info[1], "endsWork");
  const std::shared_ptr<OptimizerHolder> holder = addon_data(info.Env()).models->optimizers.release(read_handle(info[0], "optimizer"));
  if (holder && ends_work) holder->retirement.retire();
  report_memory(info.Env());
  return info.Env().Undefined();
}

StepSettings read_step_settings(const Napi::Value& value) {
  const Napi::Object object = read_object(value, "options");
  StepSettings settings;
  settings.learning_rate = read_number(object.Get("learningRate"), "learningRate");
  settings.grad_scale = read_number(object.Get("gradScale"), "gradScale");
  if (const Napi::Value most = object.Get("maxGradNorm"); !most.IsUndefined()) settings.max_grad_norm = read_number(most, "maxGradNorm");
  return settings;
}

StepResult step(OptimizerHolder& holder, const StepSettings& settings, const std::vector<at::Tensor>& losses) {
  return holder.lora ? holder.lora->step(settings, losses) : holder.adamw->step(settings, losses);
}

Napi::Object grad_norm_object(Napi::Env env, const StepResult& step) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("gradNorm", Napi::Number::New(env, step.norm));
  return result;
}

Napi::Value optimizer_step(const Napi::CallbackInfo& info) {
  auto holder = optimizer_argument(info);
  const StepSettings settings = read_step_settings(info[1]);
  return queue_model_task(
      info.Env(), holder->model,
      [holder, settings] {
        holder->retirement.throw_if_retired();
        return step(*holder, settings, {});
      },
      [](Napi::Env env, StepResult& result) { return grad_norm_object(env, result); });
}

std::vector<TrainingBatch> read_training_batches(const Napi::Value& value, const ModelConfig& config) {
  const Napi::Array array = read_array(value, "batches");
  std::vector<TrainingBatch> batches;
  for (uint32_t index = 0; index < array.Length(); ++index) {
    const Napi::Object batch = read_object(array.Get(index), "batches[" + std::to_string(index) + "]");
    batches.push_back(
        read_training_batch(batch.Get("tokens"), batch.Get("targets"), batch.Get("batchSize"), batch.Get("sequenceLength"), config));
  }
  if (batches.empty()) throw Error("ERR_SHAPE", "expected at least one batch for `batches`, got none");
  return batches;
}

/// A batch, and in the same copy what the device has to know of the step to come.
DeviceBatch to_device_with(const TrainingBatch& batch, OptimizerHolder& holder, const StepSettings& settings) {
  if (holder.model->device().is_cpu()) return to_device(batch, *holder.model);
  const at::Tensor bits = holder.lora ? holder.lora->bits(settings) : holder.adamw->bits(settings);
  at::Tensor there = bits;
  const DeviceBatch moved = to_device(batch, *holder.model, &there);
  holder.lora ? holder.lora->take(there, bits) : holder.adamw->take(there, bits);
  return moved;
}

/// The loss of a pass, which the next pass may overwrite, at an address that stays.
at::Tensor keep_loss(OptimizerHolder& holder, const at::Tensor& loss, size_t index, size_t count) {
  at::Tensor kept = holder.losses.view({static_cast<int64_t>(count)}, loss.options()).select(0, static_cast<int64_t>(index));
  kept.copy_(loss);
  return kept;
}

/// All passes and the update, of which a device is told before anything of it is read. On the CPU a loss that is not finite ends it at
/// once.
StepResult train_step(OptimizerHolder& holder, const std::vector<TrainingBatch>& batches, const StepSettings& settings,
                      const StopSignals& stop) {
  holder.retirement.throw_if_retired();
  Model& model = *holder.model;
  std::vector<at::Tensor> losses;
  for (const TrainingBatch& batch : batches) {
    const DeviceBatch there = losses.empty() ? to_device_with(batch, holder, settings) : to_device(batch, model);
    const at::Tensor loss = model.queue_forward_backward(there.tokens, there.targets, stop);
    losses.push_back(keep_loss(holder, loss, losses.size(), batches.size()));
    if (losses.back().is_cpu() && !std::isfinite(losses.back().item<double>())) break;
  }
  StepResult result = step(holder, settings, losses);
  if (!result.updated) model.decoder().parameters().mark_gradients_stale();
  return result;
}

Napi::Value optimizer_train_step(const Napi::CallbackInfo& info) {
  auto holder = optimizer_argument(info);
  std::vector<TrainingBatch> batches = read_training_batches(info[1], holder->model->decoder().config());
  const StepSettings settings = read_step_settings(info[2]);
  Control control(info[3], &holder->model->retirement());
  return queue_model_task(
      info.Env(), holder->model,
      [holder, batches = std::move(batches), settings, control] { return train_step(*holder, batches, settings, control.signals()); },
      [](Napi::Env env, StepResult& step) {
        Napi::Object result = grad_norm_object(env, step);
        Napi::Array losses = Napi::Array::New(env, step.losses.size());
        for (uint32_t index = 0; index < step.losses.size(); ++index) losses.Set(index, Napi::Number::New(env, step.losses[index]));
        result.Set("lossSums", losses);
        return result;
      });
}

struct StepInBackward {
  StepResult step;
  int64_t token_count;
};

/// Tokens, targets, batch and sequence as of a training pass.
Napi::Value optimizer_step_in_backward(const Napi::CallbackInfo& info) {
  auto holder = optimizer_argument(info);
  const auto& model = holder->model;
  const TrainingBatch batch = read_training_batch(info[1], info[2], info[3], info[4], model->decoder().config());
  const StepSettings settings = read_step_settings(info[5]);
  Control control(info[6], &model->retirement());
  return queue_model_task(
      info.Env(), model,
      [=] {
        holder->retirement.throw_if_retired();
        const DeviceBatch there = to_device_with(batch, *holder, settings);
        const auto pass = [&](GradientConsumer& consumer) {
          return holder->model->forward_backward(there.tokens, there.targets, control.signals(), consumer);
        };
        const StepResult result =
            holder->lora ? holder->lora->step_in_backward(settings, pass) : holder->adamw->step_in_backward(settings, pass);
        return StepInBackward{result, there.token_count};
      },
      [](Napi::Env env, StepInBackward& done) {
        Napi::Object result = grad_norm_object(env, done.step);
        result.Set("lossSum", Napi::Number::New(env, done.step.losses.front()));
        result.Set("tokenCount", Napi::Number::New(env, static_cast<double>(done.token_count)));
        return result;
      });
}

Napi::Value optimizer_state(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto holder = optimizer_argument(info);
  Napi::Array tensors = Napi::Array::New(env);
  for (auto& [name, tensor] : state_of(*holder)) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", name);
    entry.Set("tensor", new_handle(env, tensor));
    tensors.Set(tensors.Length(), entry);
  }
  const int64_t step = holder->lora ? holder->lora->step_count() : holder->adamw->step_count();
  Napi::Object result = Napi::Object::New(env);
  result.Set("step", Napi::Number::New(env, static_cast<double>(step)));
  result.Set("tensors", tensors);
  return result;
}

Napi::Value optimizer_set_step(const Napi::CallbackInfo& info) {
  auto holder = optimizer_argument(info);
  const int64_t step = read_integer(info[1], "step", 0);
  return queue_model_task(
      info.Env(), holder->model,
      [=] {
        if (holder->lora) {
          holder->lora->resume(step);
        } else {
          holder->adamw->set_step_count(step);
        }
      },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

}  // namespace

void init_optimizer(Napi::Env env, Napi::Object exports) {
  exports.Set("optimizerCreate", Napi::Function::New<guarded<optimizer_create>>(env, "optimizerCreate"));
  exports.Set("optimizerDispose", Napi::Function::New<guarded<optimizer_dispose>>(env, "optimizerDispose"));
  exports.Set("optimizerStep", Napi::Function::New<guarded<optimizer_step>>(env, "optimizerStep"));
  exports.Set("optimizerTrainStep", Napi::Function::New<guarded<optimizer_train_step>>(env, "optimizerTrainStep"));
  exports.Set("optimizerStepInBackward", Napi::Function::New<guarded<optimizer_step_in_backward>>(env, "optimizerStepInBackward"));
  exports.Set("optimizerState", Napi::Function::New<guarded<optimizer_state>>(env, "optimizerState"));
  exports.Set("optimizerSetStep", Napi::Function::New<guarded<optimizer_set_step>>(env, "optimizerSetStep"));
}

}  // namespace hyperfit::binding
