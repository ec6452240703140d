// The torch-free half of the addon: opens libtorch by absolute path so that the real addon's NEEDED entries are
// already met when it is required. Raw Node-API, because it must load on machines that have no libtorch at all.
#include <dlfcn.h>
#include <node_api.h>

#include <cstdint>
#include <string>

#include "preload/cuda_driver.h"

namespace {

using hyperfit::CudaDriver;
using hyperfit::DriverDevice;
using hyperfit::DriverError;

// Throws a TypeError and gives false unless the first argument is a string.
bool read_path(napi_env env, napi_callback_info info, std::string& path) {
  napi_value argument;
  size_t count = 1;
  size_t length = 0;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (count < 1 || napi_get_value_string_utf8(env, argument, nullptr, 0, &length) != napi_ok) {
    napi_throw_type_error(env, "TypeError", "expected a string for `path`");
    return false;
  }
  path.resize(length);
  napi_get_value_string_utf8(env, argument, path.data(), length + 1, &length);
  return true;
}

napi_value make_null(napi_env env) {
  napi_value result;
  napi_get_null(env, &result);
  return result;
}

napi_value make_string(napi_env env, const std::string& text) {
  napi_value result;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

napi_value make_number(napi_env env, double number) {
  napi_value result;
  napi_create_double(env, number, &result);
  return result;
}

/// open(path): null, or what the dynamic linker says. NODELETE: libtorch's static state does not survive unloading.
/// LOCAL is enough, since dependencies are matched by SONAME among all loaded objects.
napi_value open(napi_env env, napi_callback_info info) {
  std::string path;
  if (!read_path(env, info, path)) return nullptr;
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_NODELETE | RTLD_LOCAL) != nullptr) return make_null(env);
  const char* reason = dlerror();
  return make_string(env, reason == nullptr ? "unknown reason" : reason);
}

/// abiVersion(path): [major, minor, patch] of an opened libtorch_cpu, or null when it cannot tell.
napi_value abi_version(napi_env env, napi_callback_info info) {
  std::string path;
  if (!read_path(env, info, path)) return nullptr;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return make_null(env);
  auto ask = reinterpret_cast<uint64_t (*)()>(dlsym(library, "aoti_torch_abi_version"));
  if (ask == nullptr) return make_null(env);
  const uint64_t version = ask();
  napi_value parts;
  napi_create_array_with_length(env, 3, &parts);
  for (uint32_t i = 0; i < 3; ++i) {
    napi_value part;
    napi_create_uint32(env, static_cast<uint32_t>(version >> (56 - 8 * i)) & 0xff, &part);
    napi_set_element(env, parts, i, part);
  }
  return parts;
}

napi_value plain_error(napi_env env, const std::optional<DriverError>& error) {
  if (!error) return make_null(env);
  napi_value result;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "call", make_string(env, error->call));
  napi_set_named_property(env, result, "code", make_number(env, error->code));
  napi_set_named_property(env, result, "name", make_string(env, error->name));
  return result;
}

napi_value plain_device(napi_env env, const DriverDevice& device) {
  napi_value result;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "name", make_string(env, device.name));
  napi_set_named_property(env, result, "capability", make_string(env, std::to_string(device.major) + "." + std::to_string(device.minor)));
  napi_set_named_property(env, result, "totalBytes", make_number(env, static_cast<double>(device.total_bytes)));
  napi_value free = device.free_bytes ? make_number(env, static_cast<double>(*device.free_bytes)) : make_null(env);
  napi_set_named_property(env, result, "freeBytes", free);
  napi_set_named_property(env, result, "error", plain_error(env, device.error));
  return result;
}

/// cudaDriver(path, withMemory): {linker, version, error, devices}, see cuda_driver.h.
napi_value cuda_driver(napi_env env, napi_callback_info info) {
  std::string path;
  if (!read_path(env, info, path)) return nullptr;
  napi_value arguments[2];
  size_t count = 2;
  bool with_memory = false;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  if (count > 1) napi_get_value_bool(env, arguments[1], &with_memory);
  const CudaDriver driver = hyperfit::ask_cuda_driver(path, with_memory);
  napi_value result;
  napi_value devices;
  napi_create_object(env, &result);
  napi_create_array(env, &devices);
  for (uint32_t i = 0; i < driver.devices.size(); ++i) napi_set_element(env, devices, i, plain_device(env, driver.devices[i]));
  napi_set_named_property(env, result, "linker", driver.linker ? make_string(env, *driver.linker) : make_null(env));
  napi_set_named_property(env, result, "version", driver.version ? make_number(env, *driver.version) : make_null(env));
  napi_set_named_property(env, result, "error", plain_error(env, driver.error));
  napi_set_named_property(env, result, "devices", devices);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"open", nullptr, open, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"abiVersion", nullptr, abi_version, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"cudaDriver", nullptr, cuda_driver, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 3, properties);
  return exports;
}
