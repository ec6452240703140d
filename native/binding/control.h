#pragma once
#include <napi.h>

#include <memory>

#include "binding/addon_data.h"
#include "binding/readers.h"
#include "engine/stop_signals.h"

namespace hyperfit::binding {

/// The caller's Int32Array of flags, kept alive and read by the compute thread while JavaScript may write to it.
class Control {
 public:
  /// `retirement`: of the object that the work is done on, and keeps alive.
  explicit Control(const Napi::Value& value, const Retirement* retirement = nullptr) {
    std::span<int32_t> flags = read_typed_array<int32_t>(value, "control");
    keep_alive_ = std::make_shared<Napi::ObjectReference>(Napi::Persistent(value.As<Napi::Object>()));
    signals_ = StopSignals(flags.data(), static_cast<int64_t>(flags.size()), &addon_data(value.Env()).compute.stopping(), retirement);
  }
  const StopSignals& signals() const { return signals_; }

 private:
  std::shared_ptr<Napi::ObjectReference> keep_alive_;  // released with the task, on the main thread
  StopSignals signals_;
};

}  // namespace hyperfit::binding
