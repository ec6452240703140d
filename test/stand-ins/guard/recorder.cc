#include "recorder.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>

#include <memory>
#include <optional>

namespace guard {
namespace {

struct Capture {
  c10::DeviceIndex device;
  int64_t stream;
  std::unique_ptr<Recording> recording = std::make_unique<Recording>();
  bool failed = false;
};

thread_local std::optional<Capture> capture;
thread_local bool replaying = false;

}  // namespace

void Recording::replay() const {
  replaying = true;
  try {
    for (const Step& step : steps_) {
      for (int64_t number : step.touched) {
        TORCH_CHECK(is_taken(number),
                    "guard: a graph reads or writes memory that was given back after it had been recorded, and is somebody else's");
      }
      step.run();
    }
  } catch (...) {
    replaying = false;
    throw;
  }
  replaying = false;
}

void begin_capture(c10::DeviceIndex device, int64_t stream) { capture.emplace(Capture{device, stream}); }

Recording* end_capture() {
  Recording* recording = capture->failed ? nullptr : capture->recording.release();
  capture.reset();
  return recording;
}

bool is_capturing() { return capture.has_value(); }
bool is_replaying() { return replaying; }

Recording* capturing(c10::DeviceIndex device) {
  if (!capture || capture->device != device) return nullptr;
  const auto current = c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getStream({c10::kPrivateUse1, device});
  return current.id() == capture->stream ? capture->recording.get() : nullptr;
}

void refuse_in_capture(const char* what) {
  if (!capture) return;
  capture->failed = true;
  TORCH_CHECK(false, "guard: operation not permitted when stream is capturing: ", what);
}

}  // namespace guard
