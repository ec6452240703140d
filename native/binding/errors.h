#pragma once
#include <napi.h>

#include <exception>
#include <string>

namespace hyperfit::binding {

/// What crosses to JavaScript of a C++ exception: lib/addon.ts makes a HyperfitError of it ("TypeError" makes a plain one).
/// Errors of libtorch cross as ERR_TORCH, of memory as ERR_OUT_OF_MEMORY; lib/device-errors.ts tells those of a device by their words.
/// Of one that could not even be put into words the code is empty: memory is out.
struct Failure {
  std::string code;
  std::string message;
};

/// Reads the exception in flight. Needs no environment, so the compute thread may call it.
Failure describe_exception(std::exception_ptr exception) noexcept;

/// A JS Error with `code` set.
Napi::Error to_js_error(Napi::Env env, const Failure& failure);

/// Frees what was forgotten, where the last call was refused for want of memory (external_memory.h).
void settle_shortage(Napi::Env env);

/// Wraps a binding function so that whatever it throws becomes a JS error with a code.
template <auto Function>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    settle_shortage(info.Env());
    return Function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js_error(info.Env(), describe_exception(std::current_exception()));
  }
}

}  // namespace hyperfit::binding
