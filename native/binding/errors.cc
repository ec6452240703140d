#include "binding/errors.h"

#include <c10/util/Exception.h>

#include <new>

#include "engine/error.h"

namespace hyperfit::binding {

Failure describe_exception(std::exception_ptr exception) noexcept {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return {"ERR_OUT_OF_MEMORY", error.what_without_backtrace()};
  } catch (const c10::Error& error) {
    return {"ERR_TORCH", error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {"ERR_OUT_OF_MEMORY", "the process ran out of memory"};
  } catch (const std::exception& error) {
    return {"ERR_TORCH", error.what()};
  } catch (...) {
    return {"ERR_TORCH", "an unknown C++ exception"};
  }
}

Napi::Error to_js_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, failure.code));
  return error;
}

}  // namespace hyperfit::binding
