#include "binding/async_task.h"

namespace hyperfit::binding {
namespace {

void deliver(napi_env env, napi_value, void*, void* data) {
  auto* message = static_cast<MainThreadPort::Message*>(data);
  if (env == nullptr) return;
  std::unique_ptr<MainThreadPort::Message> owned(message);
  Napi::HandleScope scope(env);
  try {
    (*message)(Napi::Env(env));
  } catch (const Napi::Error& error) {
    // What a callback threw becomes an uncaughtException. Where JavaScript is terminated already, though its
    // environment still stands, this does nothing: nobody is left to be told.
    if (napi_value thrown = error.Value()) napi_fatal_exception(env, thrown);
  } catch (...) {
    try {
      napi_fatal_exception(env, to_js_error(env, describe_exception(std::current_exception())).Value());
    } catch (const Napi::Error&) {
      // As above.
    }
  }
}

void stop_compute(void* data) { static_cast<AddonData*>(data)->compute.stop(); }

// process.exit in the main thread runs no hooks: it goes straight on to the destructors of the libraries, under the feet of
// whatever still computes. Its 'exit' event comes before.
void stop_compute_at_exit(Napi::Env env) {
  AddonData& data = addon_data(env);
  if (data.stops_at_exit) return;
  data.stops_at_exit = true;
  const Napi::Object process = env.Global().Get("process").As<Napi::Object>();
  Napi::Function stop = Napi::Function::New(env, [](const Napi::CallbackInfo& info) { addon_data(info.Env()).compute.stop(); });
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), stop});
}

// An environment that goes down (a worker is terminated) runs its hooks last in, first out, and one of them
// destroys this channel: the compute thread, which posts to it, must have ended before. Hence always the newest hook.
void stop_compute_before_channels_close(Napi::Env env) {
  napi_remove_env_cleanup_hook(env, stop_compute, &addon_data(env));
  napi_add_env_cleanup_hook(env, stop_compute, &addon_data(env));
}

}  // namespace

MainThreadPort::MainThreadPort(Napi::Env env, const char* name) {
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, name), 0, 1, nullptr,
                                                       nullptr, nullptr, deliver, &function_);
  if (status != napi_ok) throw Napi::Error::New(env, "could not open a channel to the main thread");
  stop_compute_before_channels_close(env);
  stop_compute_at_exit(env);
}

void MainThreadPort::post(std::unique_ptr<Message> message) noexcept {
  napi_call_threadsafe_function(function_, message.release(), napi_tsfn_blocking);
}

void MainThreadPort::close() { napi_release_threadsafe_function(function_, napi_tsfn_release); }

}  // namespace hyperfit::binding
