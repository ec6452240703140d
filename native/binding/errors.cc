#include "binding/errors.h"

#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>
#include <system_error>

#include "binding/addon_data.h"
#include "engine/error.h"

namespace hyperfit::binding {

namespace {

constexpr const char* kOutOfMemory =
    "expected enough memory, got none left; lower the batch size or the sequence length, or dispose() what is not needed";

Failure put_into_words(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return {"ERR_OUT_OF_MEMORY", error.what_without_backtrace()};
  } catch (const c10::Error& error) {
    return {"ERR_TORCH", error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {"ERR_OUT_OF_MEMORY", kOutOfMemory};
  } catch (const std::length_error&) {
    return {"ERR_OUT_OF_MEMORY", "expected sizes that memory can hold, got larger ones; lower the batch size or the sequence length"};
  } catch (const std::system_error& error) {
    const bool of_resources = error.code() == std::errc::resource_unavailable_try_again || error.code() == std::errc::not_enough_memory;
    if (!of_resources) return {"ERR_TORCH", error.what()};
    return {"ERR_OUT_OF_MEMORY", std::string("expected room for a thread, got \"") + error.what() +
                                     "\"; raise the limits on processes or memory (ulimit -u, ulimit -v)"};
  } catch (const std::exception& error) {
    return {"ERR_TORCH", error.what()};
  } catch (...) {
    return {"ERR_TORCH", "an unknown C++ exception"};
  }
}

}  // namespace

Failure describe_exception(std::exception_ptr exception) noexcept {
  try {
    return put_into_words(exception);
  } catch (...) {
    return {};
  }
}

void settle_shortage(Napi::Env env) { addon_data(env).external.settle_shortage(env, addon_data(env).tensors); }

Napi::Error to_js_error(Napi::Env env, const Failure& failure) {
  const bool has_words = !failure.code.empty();
  if (!has_words || failure.code == "ERR_OUT_OF_MEMORY") addon_data(env).external.note_shortage();
  Napi::Error error = Napi::Error::New(env, has_words ? failure.message.c_str() : kOutOfMemory);
  error.Set("code", Napi::String::New(env, has_words ? failure.code.c_str() : "ERR_OUT_OF_MEMORY"));
  return error;
}

}  // namespace hyperfit::binding
