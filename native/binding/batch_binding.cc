#include <napi.h>

#include "binding/addon_data.h"
#include "binding/async_task.h"
#include "binding/control.h"
#include "binding/generation_values.h"
#include "binding/model_functions.h"
#include "binding/model_readers.h"
#include "binding/model_table.h"
#include "binding/readers.h"

namespace hyperfit::binding {
namespace {

constexpr int64_t kMostSeats = 1024;
constexpr int64_t kMostChoices = 1024;
constexpr int64_t kBatchBytes = 1 << 20;  // a guess: its cache grows with what is written

std::shared_ptr<BatchHolder> batch_argument(const Napi::CallbackInfo& info) {
  return addon_data(info.Env()).models->batches.get(read_handle(info[0], "batch"));
}

// Tokens travel by the task's own port, so that the last of them arrives before the promise is settled.
SeatListener forward_seats(std::shared_ptr<Napi::FunctionReference> callback, MainThreadPort& port) {
  return [callback, &port](SeatToken token) {
    port.post([callback, token = std::move(token)](Napi::Env env) {
      const auto number = [&](double value) { return Napi::Number::New(env, value); };
      callback->Call({number(static_cast<double>(token.seat)), number(token.id), number(token.log_probability),
                      int_array(env, token.top_ids), float_array(env, token.top_log_probabilities)});
    });
  };
}

std::shared_ptr<Napi::FunctionReference> listener_argument(const Napi::Value& value) {
  return std::make_shared<Napi::FunctionReference>(Napi::Persistent(read_function(value, "onToken")));
}

Napi::Object departure_object(Napi::Env env, const Departure& departure) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("seat", Napi::Number::New(env, static_cast<double>(departure.seat)));
  result.Set("generation", generation_object(env, departure.generation, /*token_stats=*/true));
  const bool failed = departure.failure.has_value();
  result.Set("failure", failed ? to_js_error(env, {departure.failure->code(), departure.failure->what()}).Value() : env.Null());
  return result;
}

Napi::Object arrival_object(Napi::Env env, const Arrival& arrival) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("departure", arrival.departure ? Napi::Value(departure_object(env, *arrival.departure)) : env.Null());
  result.Set("prompt", env.Null());
  if (!arrival.prompt) return result;
  Napi::Object prompt = Napi::Object::New(env);
  prompt.Set("logProbs", float_array(env, arrival.prompt->log_probabilities));
  prompt.Set("topIds", int_array(env, arrival.prompt->top_ids));
  prompt.Set("topLogProbs", float_array(env, arrival.prompt->top_log_probabilities));
  result.Set("prompt", prompt);
  return result;
}

Napi::Value batch_create(const Napi::CallbackInfo& info) {
  auto model = model_argument(info);
  const int64_t seats = read_integer(info[1], "seats", 1, kMostSeats);
  auto holder = std::shared_ptr<BatchHolder>(new BatchHolder{model, RunningBatch(model->decoder(), seats), seats});
  return Napi::Number::New(info.Env(), addon_data(info.Env()).models->batches.put(std::move(holder), kBatchBytes));
}

Napi::Value batch_dispose(const Napi::CallbackInfo& info) {
  const bool ends_work = !info[1].IsUndefined() && read_boolean(info[1], "endsWork");
  const std::shared_ptr<BatchHolder> holder = addon_data(info.Env()).models->batches.release(read_handle(info[0], "batch"));
  if (holder && ends_work) holder->retirement.retire();
  return info.Env().Undefined();
}

Napi::Value batch_join(const Napi::CallbackInfo& info) {
  auto holder = batch_argument(info);
  const int64_t seat = read_integer(info[1], "seat", 0, holder->seats - 1);
  GenerateOptions options = read_generate_options(info[4], /*rows=*/1);
  auto prompts = read_prompts(info[2], info[3], holder->model->decoder().config(), options.max_new_tokens);
  if (prompts.size() != 1) throw Error("ERR_SHAPE", "expected one prompt a seat, got " + std::to_string(prompts.size()));
  check_vocabulary(options, holder->model->decoder().config());
  const int64_t prompt_top = read_integer(info[5], "promptTop", -1, kMostChoices);
  Control control(info[6], &holder->retirement);
  auto callback = listener_argument(info[7]);
  auto work = [holder, seat, prompt = std::move(prompts[0]), options = std::move(options), prompt_top, control,
               callback](MainThreadPort& port) mutable {
    const SeatListener listener = forward_seats(callback, port);
    return holder->batch.join(seat, std::move(prompt), std::move(options), prompt_top, control.signals(), listener);
  };
  return queue_owned_task(info.Env(), holder, holder->retirement, std::move(work),
                          [](Napi::Env env, Arrival& arrival) { return arrival_object(env, arrival); });
}

Napi::Value batch_advance(const Napi::CallbackInfo& info) {
  auto holder = batch_argument(info);
  const int64_t steps = read_integer(info[1], "steps", 1);
  Control control(info[2], &holder->retirement);
  auto callback = listener_argument(info[3]);
  return queue_owned_task(
      info.Env(), holder, holder->retirement,
      [holder, steps, control, callback](MainThreadPort& port) {
        return holder->batch.advance(steps, control.signals(), forward_seats(callback, port));
      },
      [](Napi::Env env, std::vector<Departure>& departures) {
        Napi::Array result = Napi::Array::New(env, departures.size());
        for (uint32_t index = 0; index < departures.size(); ++index) result.Set(index, departure_object(env, departures[index]));
        return result;
      });
}

}  // namespace

void init_batch(Napi::Env env, Napi::Object exports) {
  exports.Set("batchCreate", Napi::Function::New<guarded<batch_create>>(env, "batchCreate"));
  exports.Set("batchDispose", Napi::Function::New<guarded<batch_dispose>>(env, "batchDispose"));
  exports.Set("batchJoin", Napi::Function::New<guarded<batch_join>>(env, "batchJoin"));
  exports.Set("batchAdvance", Napi::Function::New<guarded<batch_advance>>(env, "batchAdvance"));
}

}  // namespace hyperfit::binding
