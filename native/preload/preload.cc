// The torch-free half of the addon: opens libtorch by absolute path so that the real addon's NEEDED entries are
// already met when it is required. Raw Node-API, because it must load on machines that have no libtorch at all.
#include <dlfcn.h>
#include <node_api.h>

#include <cstdint>
#include <string>

namespace {

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

/// open(path): null, or what the dynamic linker says. NODELETE: libtorch's static state does not survive unloading.
/// LOCAL is enough, since dependencies are matched by SONAME among all loaded objects.
napi_value open(napi_env env, napi_callback_info info) {
  std::string path;
  if (!read_path(env, info, path)) return nullptr;
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_NODELETE | RTLD_LOCAL) != nullptr) return make_null(env);
  const char* reason = dlerror();
  napi_value result;
  napi_create_string_utf8(env, reason == nullptr ? "unknown reason" : reason, NAPI_AUTO_LENGTH, &result);
  return result;
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

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"open", nullptr, open, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"abiVersion", nullptr, abi_version, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 2, properties);
  return exports;
}
