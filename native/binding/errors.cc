#include "binding/errors.h"

#include <c10/util/Exception.h>

#include <new>

#include "engine/error.h"

namespace hyperfit::binding {
namespace {

// libtorch says "CUDA" in very different ways when there is none; users need one code for all of them.
bool speaks_of_missing_device(const std::string& text) {
  return text.find("Found no NVIDIA driver") != std::string::npos ||
         text.find("'CUDA' backend") != std::string::npos ||
         text.find("not linked with support for cuda") != std::string::npos ||
         text.find("Cannot initialize CUDA") != std::string::npos ||
         text.find("Torch not compiled with CUDA") != std::string::npos ||
         text.find("invalid device ordinal") != std::string::npos;
}

bool speaks_of_memory(const std::string& text) {
  return text.find("can't allocate memory") != std::string::npos || text.find("out of memory") != std::string::npos;
}

Failure from_torch(const c10::Error& error) {
  std::string text = error.what_without_backtrace();
  if (speaks_of_missing_device(text)) {
    text = text.substr(0, text.find(". This could be because"));  // then a hundred lines of registrations follow
    return {"ERR_DEVICE", text + "; use device \"cpu\", or install a CUDA build of libtorch and an NVIDIA driver (hyperfit doctor)"};
  }
  if (speaks_of_memory(text)) {
    return {"ERR_OUT_OF_MEMORY", text + "; lower the batch size or the sequence length"};
  }
  return {"ERR_TORCH", text};
}

}  // namespace

Failure describe_exception(std::exception_ptr exception) noexcept {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return {"ERR_OUT_OF_MEMORY", std::string(error.what_without_backtrace()) + "; lower the batch size or the sequence length"};
  } catch (const c10::Error& error) {
    return from_torch(error);
  } catch (const std::bad_alloc&) {
    return {"ERR_OUT_OF_MEMORY", "the process ran out of memory; lower the batch size or the sequence length"};
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
