#include <napi.h>

#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/control.h"
#include "binding/files_binding.h"
#include "binding/model_functions.h"
#include "binding/model_readers.h"
#include "binding/model_table.h"
#include "binding/tensor_handles.h"

namespace hyperfit::binding {

AddonData::AddonData() : models(std::make_unique<ModelTable>()) {}
AddonData::~AddonData() = default;

int64_t live_models(Napi::Env env) { return static_cast<int64_t>(addon_data(env).models->models.size()); }

int64_t model_table_bytes(Napi::Env env) { return addon_data(env).models->bytes(); }

std::shared_ptr<Model> model_argument(const Napi::CallbackInfo& info) {
  return addon_data(info.Env()).models->models.get(read_handle(info[0], "model"));
}

namespace {

// Of a model that nothing runs on yet. Its tokenizer and what the first passes will take are guessed.
int64_t held_bytes(Model& model) {
  constexpr int64_t kBeside = 4 << 20;
  ParameterStore& parameters = model.decoder().parameters();
  return parameters.value_bytes() + parameters.compute_bytes() + kBeside;
}

Napi::Value model_load(const Napi::CallbackInfo& info) {
  const ModelConfig config = read_model_config(info[0]);
  std::vector<TensorSource> sources = read_tensor_sources(info[1]);
  const at::Device device = read_device(info[2], "device");
  const at::ScalarType compute_dtype = read_compute_dtype(info[3]);
  const WeightDtype weight_dtype = read_weight_dtype(info[4], compute_dtype);
  const Activations activations = read_boolean(info[5], "recompute") ? Activations::recomputed : Activations::kept;
  Control control(info[6]);
  return queue_task(
      info.Env(),
      [config, sources = std::move(sources), device, compute_dtype, weight_dtype, activations, control] {
        return std::make_shared<Model>(config, sources, device, compute_dtype, weight_dtype, activations, control.signals());
      },
      [](Napi::Env env, std::shared_ptr<Model>& model) {
        const int64_t bytes = held_bytes(*model);
        const Napi::Value handle = Napi::Number::New(env, addon_data(env).models->models.put(std::move(model), bytes));
        report_memory(env);
        return handle;
      });
}

Napi::Value model_dispose(const Napi::CallbackInfo& info) {
  const bool ends_work = !info[1].IsUndefined() && read_boolean(info[1], "endsWork");
  const std::shared_ptr<Model> model = addon_data(info.Env()).models->models.release(read_handle(info[0], "model"));
  if (model && ends_work) model->retirement().retire();
  report_memory(info.Env());
  return info.Env().Undefined();
}

Napi::Value named_tensors(Napi::Env env, const std::vector<Parameter>& parameters, at::Tensor Parameter::* member) {
  Napi::Array result = Napi::Array::New(env);
  for (const Parameter& parameter : parameters) {
    if (!(parameter.*member).defined()) continue;
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", parameter.name);
    entry.Set("tensor", new_handle(env, parameter.*member));
    result.Set(result.Length(), entry);
  }
  return result;
}

Napi::Value model_parameters(const Napi::CallbackInfo& info) {
  return named_tensors(info.Env(), model_argument(info)->decoder().parameters().with_values(), &Parameter::value);
}

/// As passes read them, float32: of what bfloat16 alone is held, copies.
Napi::Value model_forward_parameters(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  return queue_model_task(
      info.Env(), model,
      [model] {
        model->decoder().refresh_weights();
        ParameterStore& store = model->decoder().parameters();
        std::vector<Parameter> parameters = store.all();
        for (Parameter& parameter : parameters) {
          if (!parameter.value.defined()) parameter.forward = store.held(parameter).to(at::kFloat);
        }
        return parameters;
      },
      [](Napi::Env env, std::vector<Parameter>& parameters) { return named_tensors(env, parameters, &Parameter::forward); });
}

Napi::Value model_set_stored_forms(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const Napi::Array array = read_array(info[1], "forms");
  std::unordered_map<std::string, StoredForm> forms;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object object = read_object(array.Get(i), "forms[" + std::to_string(i) + "]");
    forms.emplace(read_string(object.Get("parameter"), "parameter"), read_stored_form(object.Get("form")));
  }
  return queue_model_task(
      info.Env(), model, [model, forms = std::move(forms)] { model->decoder().parameters().set_stored_forms(forms); },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

// Of what the last pass was to compute. Nothing once a step or zeroGradients has cleared them: memory still holds the old gradient, which
// the next backward overwrites.
Napi::Value model_gradients(const Napi::CallbackInfo& info) {
  auto& parameters = model_argument(info)->decoder().parameters();
  if (parameters.gradients_are_stale()) return Napi::Array::New(info.Env());
  return named_tensors(info.Env(), parameters.trained(), &Parameter::gradient);
}

// Of work without flags of its caller.
StopSignals environment_signals(Napi::Env env, Model& model) {
  return {nullptr, 0, &addon_data(env).compute.stopping(), &model.retirement()};
}

struct Forward {
  at::Tensor logits;
  std::vector<at::Tensor> hidden_states;
};

Napi::Value model_forward(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  HostBatch batch = read_batch(info[1], info[2], info[3], model->decoder().config(), false);
  const bool hidden_states = read_boolean(info[4], "hiddenStates");
  const StopSignals signals = environment_signals(info.Env(), *model);
  return queue_model_task(
      info.Env(), model,
      [model, batch, hidden_states, signals] {
        Forward result;
        result.logits = model->forward(to_device(batch, *model), signals, hidden_states ? &result.hidden_states : nullptr);
        result.logits = result.logits.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).view({batch.batch, batch.sequence, -1});
        for (at::Tensor& state : result.hidden_states) state = state.view({batch.batch, batch.sequence, -1});
        return result;
      },
      [](Napi::Env env, Forward& forward) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("logits", new_handle(env, forward.logits));
        Napi::Array states = Napi::Array::New(env);
        for (const at::Tensor& state : forward.hidden_states) states.Set(states.Length(), new_handle(env, state));
        result.Set("hiddenStates", states);
        return result;
      });
}

Napi::Value model_last_hidden_state(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  HostBatch batch = read_batch(info[1], info[2], info[3], model->decoder().config(), false);
  const StopSignals signals = environment_signals(info.Env(), *model);
  return queue_model_task(
      info.Env(), model,
      [model, batch, signals] {
        at::Tensor state = model->last_hidden_state(to_device(batch, *model), signals);
        return state.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).view({batch.batch, batch.sequence, -1});
      },
      [](Napi::Env env, at::Tensor& state) { return new_handle(env, state); });
}

/// Queues a call on tokens and targets, arguments 1 to 4: tokens, targets, batch, sequence; `to_value` makes its result a JavaScript value.
template <class Result>
Napi::Value queue_on_batch(const Napi::CallbackInfo& info, Result (*call)(Model&, const DeviceBatch&, const StopSignals&),
                           Napi::Value (*to_value)(Napi::Env, Result&)) {
  auto model = model_argument(info);
  const TrainingBatch batch = read_training_batch(info[1], info[2], info[3], info[4], model->decoder().config());
  Control control(info[5], &model->retirement());
  return queue_model_task(
      info.Env(), model,
      [model, batch, control, call] { return call(*model, to_device(batch, *model), control.signals()); }, to_value);
}

LossSum forward_backward(Model& model, const DeviceBatch& batch, const StopSignals& stop) {
  return model.forward_backward(batch.tokens, batch.targets, batch.token_count, stop);
}

TokenStats token_stats(Model& model, const DeviceBatch& batch, const StopSignals& stop) {
  return model.token_stats(batch.tokens, batch.targets, stop);
}

Napi::Value loss_object(Napi::Env env, LossSum& loss) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("lossSum", Napi::Number::New(env, loss.loss_sum));
  result.Set("tokenCount", Napi::Number::New(env, static_cast<double>(loss.token_count)));
  return result;
}

Napi::Value model_forward_backward(const Napi::CallbackInfo& info) {
  return queue_on_batch(info, &forward_backward, &loss_object);
}

Napi::Value model_zero_gradients(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  return queue_model_task(
      info.Env(), model, [model] { model->decoder().parameters().zero_gradients(); },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

Napi::Value model_reserve(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const int64_t batch = read_integer(info[1], "batch", 1), sequence = read_integer(info[2], "sequence", 1);
  return queue_model_task(
      info.Env(), model, [model, batch, sequence] { model->decoder().reserve(batch, sequence); },
      [](Napi::Env env, auto&) { return env.Undefined(); });
}

Napi::Float32Array float_array(Napi::Env env, const at::Tensor& column) {
  const at::Tensor values = column.contiguous();
  Napi::Float32Array array = Napi::Float32Array::New(env, values.numel());
  std::copy_n(values.data_ptr<float>(), values.numel(), array.Data());
  return array;
}

Napi::Value stats_object(Napi::Env env, TokenStats& stats) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("loss", float_array(env, stats.loss));
  result.Set("entropy", float_array(env, stats.entropy));
  result.Set("top1Mass", float_array(env, stats.top_mass.select(1, 0)));
  result.Set("top3Mass", float_array(env, stats.top_mass.select(1, 1)));
  result.Set("top5Mass", float_array(env, stats.top_mass.select(1, 2)));
  Napi::Int32Array ids = Napi::Int32Array::New(env, stats.top1_ids.numel());
  std::copy_n(stats.top1_ids.data_ptr<int64_t>(), stats.top1_ids.numel(), ids.Data());
  result.Set("top1Ids", ids);
  return result;
}

Napi::Value model_token_stats(const Napi::CallbackInfo& info) { return queue_on_batch(info, &token_stats, &stats_object); }

Napi::Value model_changed_share(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  std::vector<TensorSource> sources = read_tensor_sources(info[1]);
  return queue_model_task(
      info.Env(), model, [model, sources = std::move(sources)] { return model->changed_share(sources); },
      [](Napi::Env env, double& share) { return Napi::Number::New(env, share); });
}

}  // namespace

void init_model(Napi::Env env, Napi::Object exports) {
  exports.Set("modelLoad", Napi::Function::New<guarded<model_load>>(env, "modelLoad"));
  exports.Set("modelDispose", Napi::Function::New<guarded<model_dispose>>(env, "modelDispose"));
  exports.Set("modelParameters", Napi::Function::New<guarded<model_parameters>>(env, "modelParameters"));
  exports.Set("modelForwardParameters", Napi::Function::New<guarded<model_forward_parameters>>(env, "modelForwardParameters"));
  exports.Set("modelSetStoredForms", Napi::Function::New<guarded<model_set_stored_forms>>(env, "modelSetStoredForms"));
  exports.Set("modelGradients", Napi::Function::New<guarded<model_gradients>>(env, "modelGradients"));
  exports.Set("modelForward", Napi::Function::New<guarded<model_forward>>(env, "modelForward"));
  exports.Set("modelLastHiddenState", Napi::Function::New<guarded<model_last_hidden_state>>(env, "modelLastHiddenState"));
  exports.Set("modelForwardBackward", Napi::Function::New<guarded<model_forward_backward>>(env, "modelForwardBackward"));
  exports.Set("modelReserve", Napi::Function::New<guarded<model_reserve>>(env, "modelReserve"));
  exports.Set("modelZeroGradients", Napi::Function::New<guarded<model_zero_gradients>>(env, "modelZeroGradients"));
  exports.Set("modelTokenStats", Napi::Function::New<guarded<model_token_stats>>(env, "modelTokenStats"));
  exports.Set("modelChangedShare", Napi::Function::New<guarded<model_changed_share>>(env, "modelChangedShare"));
  init_batch(env, exports);
  init_memory(env, exports);
  init_held(env, exports);
  init_low_rank(env, exports);
  init_loss(env, exports);
  init_generate(env, exports);
  init_optimizer(env, exports);
}

}  // namespace hyperfit::binding
