#pragma once
#include <napi.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "binding/async_task.h"
#include "engine/model.h"

namespace hyperfit::binding {

/// The model that the first argument names. Throws ERR_DISPOSED.
std::shared_ptr<Model> model_argument(const Napi::CallbackInfo& info);

/// As queue_task, of work that `owner` is asked for: where it has been retired by the time its turn comes, the work is refused with
/// ERR_DISPOSED.
template <class Owner, class Work, class Finish>
Napi::Promise queue_owned_task(Napi::Env env, std::shared_ptr<Owner> owner, const Retirement& retirement, Work work, Finish finish) {
  const Retirement* retired = &retirement;
  if constexpr (std::is_invocable_v<Work&, MainThreadPort&>) {
    return queue_task(
        env,
        [owner = std::move(owner), retired, work = std::move(work)](MainThreadPort& port) mutable {
          retired->throw_if_retired();
          return work(port);
        },
        std::move(finish));
  } else {
    return queue_task(
        env,
        [owner = std::move(owner), retired, work = std::move(work)]() mutable {
          retired->throw_if_retired();
          return work();
        },
        std::move(finish));
  }
}

template <class Work, class Finish>
Napi::Promise queue_model_task(Napi::Env env, const std::shared_ptr<Model>& model, Work work, Finish finish) {
  return queue_owned_task(env, model, model->retirement(), std::move(work), std::move(finish));
}

void init_batch(Napi::Env env, Napi::Object exports);
void init_memory(Napi::Env env, Napi::Object exports);
void init_held(Napi::Env env, Napi::Object exports);
void init_low_rank(Napi::Env env, Napi::Object exports);
void init_loss(Napi::Env env, Napi::Object exports);
void init_generate(Napi::Env env, Napi::Object exports);
void init_optimizer(Napi::Env env, Napi::Object exports);

}  // namespace hyperfit::binding
