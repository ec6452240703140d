#include <napi.h>

#include <c10/util/Exception.h>

#include <string>

#include "log.h"
#include "planted.h"

// What JavaScript sees of the operator log; ../operator-log.ts has the types.

namespace operator_log {
namespace {

Napi::Object object_of(Napi::Env env, const CountsByName& counts) {
  Napi::Object made = Napi::Object::New(env);
  for (const auto& [name, count] : counts) made.Set(name, static_cast<double>(count));
  return made;
}

Napi::Value start_counting(const Napi::CallbackInfo& info) {
  start();
  return info.Env().Undefined();
}

Napi::Value stop_counting(const Napi::CallbackInfo& info) {
  const Counts counts = stop();
  Napi::Object made = Napi::Object::New(info.Env());
  made.Set("operators", object_of(info.Env(), counts.operators));
  made.Set("nested", object_of(info.Env(), counts.nested));
  made.Set("views", object_of(info.Env(), counts.views));
  made.Set("copies", object_of(info.Env(), counts.copies));
  made.Set("launches", static_cast<double>(counts.launches));
  made.Set("launchesSinceRead", static_cast<double>(counts.launches_since_read));
  made.Set("scalarReads", static_cast<double>(counts.scalar_reads));
  made.Set("allocations", static_cast<double>(counts.allocations));
  made.Set("allocatedBytes", static_cast<double>(counts.allocated_bytes));
  return made;
}

Fault read_fault(const Napi::Env& env, const std::string& name) {
  if (name == "scalarRead") return Fault::scalar_read;
  if (name == "allocation") return Fault::allocation;
  if (name == "none") return Fault::none;
  throw Napi::TypeError::New(env, "expected scalarRead, allocation or none for `fault`, got " + name);
}

Napi::Value plant_fault(const Napi::CallbackInfo& info) {
  plant(info[0].As<Napi::String>().Utf8Value(), read_fault(info.Env(), info[1].As<Napi::String>().Utf8Value()));
  return info.Env().Undefined();
}

Napi::Object make_exports(Napi::Env env, Napi::Object exports) {
  exports.Set("start", Napi::Function::New<start_counting>(env, "start"));
  exports.Set("stop", Napi::Function::New<stop_counting>(env, "stop"));
  exports.Set("plant", Napi::Function::New<plant_fault>(env, "plant"));
  return exports;
}

}  // namespace

NODE_API_MODULE(operator_log, make_exports)

}  // namespace operator_log
