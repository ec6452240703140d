#include <napi.h>

#include <ATen/DeviceAccelerator.h>
#include <c10/util/Exception.h>

#include <mutex>
#include <string>

#include "card_operators.h"
#include "copies.h"
#include "counts.h"
#include "device.h"
#include "last_operator.h"
#include "memory.h"
#include "operators.h"
#include "planted.h"

// What JavaScript sees of the guarded device; ../guard.ts has the types.

namespace guard {
namespace {

template <auto Function>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return Function(info);
  } catch (const c10::Error& error) {
    throw Napi::Error::New(info.Env(), error.what_without_backtrace());
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

c10::Device read_device(const Napi::CallbackInfo& info) { return c10::Device(info[0].As<Napi::String>().Utf8Value()); }
bool read_flag(const Napi::CallbackInfo& info) { return info[1].As<Napi::Boolean>(); }

Napi::Object transfers(Napi::Env env, const Transfers& counted) {
  Napi::Object made = Napi::Object::New(env);
  made.Set("copies", static_cast<double>(counted.copies));
  made.Set("bytes", static_cast<double>(counted.bytes));
  return made;
}

Napi::Value read_counts(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object made = Napi::Object::New(env);
  made.Set("hostToDevice", transfers(env, counts().host_to_device));
  made.Set("deviceToHost", transfers(env, counts().device_to_host));
  made.Set("betweenDevices", transfers(env, counts().between_devices));
  made.Set("scalarReads", static_cast<double>(counts().scalar_reads));
  made.Set("synchronisations", static_cast<double>(counts().synchronisations));
  made.Set("allocations", static_cast<double>(counts().allocations));
  made.Set("allocatedBytes", static_cast<double>(counts().allocated_bytes));
  made.Set("operators", static_cast<double>(counts().operators));
  return made;
}

Napi::Value read_operators(const Napi::CallbackInfo& info) {
  Napi::Object made = Napi::Object::New(info.Env());
  for (const auto& [name, count] : operator_counts()) made.Set(name, static_cast<double>(count));
  return made;
}

Napi::Value reset_counts(const Napi::CallbackInfo& info) {
  counts().reset();
  return info.Env().Undefined();
}

Napi::Value read_memory(const Napi::CallbackInfo& info) {
  const auto stats = device_allocator().getDeviceStats(read_device(info).index()).allocated_bytes[0];
  Napi::Object made = Napi::Object::New(info.Env());
  made.Set("bytes", static_cast<double>(stats.current));
  made.Set("peakBytes", static_cast<double>(stats.peak));
  return made;
}

Napi::Value reset_peak(const Napi::CallbackInfo& info) {
  device_allocator().resetPeakStats(read_device(info).index());
  return info.Env().Undefined();
}

Napi::Value set_memory_limit(const Napi::CallbackInfo& info) {
  limit_memory(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

Napi::Value become_card(const Napi::CallbackInfo& info) {
  register_card_operators(info[0].IsUndefined() ? 0 : info[0].As<Napi::Number>().Int64Value());
  return info.Env().Undefined();
}

Napi::Value be_no_card(const Napi::CallbackInfo& info) {
  forget_card_operators();
  return info.Env().Undefined();
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  at::accelerator::synchronizeDevice(read_device(info).index());
  return info.Env().Undefined();
}

Napi::Value touch_on_host(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), planted::touch_on_host(read_device(info)));
}
Napi::Value touch_on_worker(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), planted::touch_on_worker(read_device(info)));
}
Napi::Value leave_on_host(const Napi::CallbackInfo& info) {
  planted::leave_on_host(read_device(info));
  return info.Env().Undefined();
}
Napi::Value reuse_staging(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(planted::reuse_staging(read_device(info), read_flag(info))));
}
Napi::Value read_too_early(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), planted::read_too_early(read_device(info), read_flag(info)));
}
Napi::Value hidden_read(const Napi::CallbackInfo& info) {
  planted::hidden_read(read_device(info));
  return info.Env().Undefined();
}

template <auto Function>
void define(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<Function>>(exports.Env(), name));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;
  std::call_once(once, [] {
    register_device();
    register_operators();
    install_fault_handler();
  });
  define<read_counts>(exports, "counts");
  define<read_operators>(exports, "operators");
  define<reset_counts>(exports, "resetCounts");
  define<read_memory>(exports, "memory");
  define<reset_peak>(exports, "resetPeak");
  define<set_memory_limit>(exports, "setMemoryLimit");
  define<synchronize>(exports, "synchronize");
  define<become_card>(exports, "becomeCard");
  define<be_no_card>(exports, "beNoCard");
  Napi::Object plant = Napi::Object::New(env);
  define<touch_on_host>(plant, "touchOnHost");
  define<touch_on_worker>(plant, "touchOnWorker");
  define<leave_on_host>(plant, "leaveOnHost");
  define<reuse_staging>(plant, "reuseStaging");
  define<read_too_early>(plant, "readTooEarly");
  define<hidden_read>(plant, "hiddenRead");
  exports.Set("planted", plant);
  return exports;
}

NODE_API_MODULE(guard, init)

}  // namespace
}  // namespace guard
