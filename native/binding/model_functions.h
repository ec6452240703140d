#pragma once
#include <napi.h>

#include <memory>

#include "engine/model.h"

namespace hyperfit::binding {

/// The model that the first argument names. Throws ERR_DISPOSED.
std::shared_ptr<Model> model_argument(const Napi::CallbackInfo& info);

void init_batch(Napi::Env env, Napi::Object exports);
void init_loss(Napi::Env env, Napi::Object exports);
void init_generate(Napi::Env env, Napi::Object exports);
void init_optimizer(Napi::Env env, Napi::Object exports);

}  // namespace hyperfit::binding
