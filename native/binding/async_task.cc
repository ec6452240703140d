#include "binding/async_task.h"

namespace hyperfit::binding {
namespace {

void deliver(napi_env env, napi_value, void*, void* data) {
  auto* message = static_cast<MainThreadPort::Message*>(data);
  if (env == nullptr) return;
  std::unique_ptr<MainThreadPort::Message> owned(message);
  Napi::HandleScope scope(env);
  (*message)(Napi::Env(env));
}

}  // namespace

MainThreadPort::MainThreadPort(Napi::Env env, const char* name) {
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, name), 0, 1, nullptr,
                                                       nullptr, nullptr, deliver, &function_);
  if (status != napi_ok) throw Napi::Error::New(env, "could not open a channel to the main thread");
}

void MainThreadPort::post(Message message) {
  auto* data = new Message(std::move(message));
  if (napi_call_threadsafe_function(function_, data, napi_tsfn_blocking) != napi_ok) return;
}

void MainThreadPort::close() { napi_release_threadsafe_function(function_, napi_tsfn_release); }

}  // namespace hyperfit::binding
