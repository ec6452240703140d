#include <napi.h>

#include <stdexcept>
#include <string>

#include "captures.h"
#include "driver.h"
#include "far_elements.h"
#include "guard_calls.h"

// What JavaScript sees of the driver that stands in; ../cuda-driver.ts has the types.

namespace stand_in {
namespace {

std::string text_of(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }
int number_of(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

Napi::Value attach_guard(const Napi::CallbackInfo& info) {
  try {
    attach(text_of(info[0]));
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
  return info.Env().Undefined();
}

Napi::Value serve(const Napi::CallbackInfo& info) {
  const Napi::Object given = info[0].As<Napi::Object>(), failures = given.Get("failures").As<Napi::Object>();
  Settings to{number_of(given.Get("devices")),
              number_of(given.Get("major")),
              number_of(given.Get("minor")),
              {},
              number_of(given.Get("unloadableCode"))};
  for (const auto& [call, code] : failures) to.failures[text_of(call)] = number_of(code);
  settings() = to;
  launched().clear();
  loaded().clear();
  graph_counts() = {};
  return info.Env().Undefined();
}

Napi::Value counts(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object made = Napi::Object::New(env), launches = Napi::Object::New(env), blocks = Napi::Object::New(env),
               modules = Napi::Object::New(env);
  for (const auto& [name, counted] : launched()) {
    launches.Set(name, static_cast<double>(counted.launches));
    blocks.Set(name, static_cast<double>(counted.blocks));
  }
  for (const auto& [kind, count] : loaded()) modules.Set(kind, static_cast<double>(count));
  made.Set("launches", launches);
  made.Set("blocks", blocks);
  made.Set("modules", modules);
  Napi::Object graphs = Napi::Object::New(env);
  graphs.Set("captures", static_cast<double>(graph_counts().captures));
  graphs.Set("made", static_cast<double>(graph_counts().made));
  graphs.Set("launches", static_cast<double>(graph_counts().launches));
  graphs.Set("destroyed", static_cast<double>(graph_counts().destroyed));
  made.Set("graphs", graphs);
  made.Set("lastStream", static_cast<double>(last_stream()));
  return made;
}

Napi::Value far(const Napi::CallbackInfo& info) {
  try {
    return Napi::String::New(info.Env(), far_elements());
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

}  // namespace
}  // namespace stand_in

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("attach", Napi::Function::New(env, stand_in::attach_guard, "attach"));
  exports.Set("serve", Napi::Function::New(env, stand_in::serve, "serve"));
  exports.Set("counts", Napi::Function::New(env, stand_in::counts, "counts"));
  exports.Set("farElements", Napi::Function::New(env, stand_in::far, "farElements"));
  stand_in::init_captures(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(cuda_driver, init)
