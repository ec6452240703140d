// What the driver that stands in for NVIDIA's asks of the guarded device, by name, as the two are modules of their own.
#include "memory.h"
#include "recorder.h"

#define GUARD_CALL __attribute__((visibility("default")))

extern "C" {

/// The memory behind an address of a guarded device, or null.
GUARD_CALL void* guard_behind(void* face) { return guard::behind_face(face); }

/// The device of an address, or -1.
GUARD_CALL int guard_device_at(void* face) { return guard::device_at(reinterpret_cast<uintptr_t>(face)); }

/// Of the stream of that handle. The thread captures nothing yet.
GUARD_CALL void guard_begin_capture(int device, void* stream) {
  guard::begin_capture(static_cast<c10::DeviceIndex>(device), reinterpret_cast<int64_t>(stream));
}
GUARD_CALL bool guard_is_capturing() { return guard::is_capturing(); }

/// Null where something was refused.
GUARD_CALL void* guard_end_capture() { return guard::end_capture(); }

/// Adds `run(state)` to what is captured of the device, with the addresses that it touches. False where its current stream is not.
GUARD_CALL bool guard_record(int device, void (*run)(void*), void* state, void (*drop)(void*), void* const* addresses, int count) {
  guard::Recording* recording = guard::capturing(static_cast<c10::DeviceIndex>(device));
  if (recording == nullptr) return false;
  std::vector<int64_t> touched;
  for (int i = 0; i < count; ++i) touched.push_back(guard::block_at(addresses[i]));
  recording->add(std::move(touched), [run, kept = std::shared_ptr<void>(state, drop)] { run(kept.get()); });
  return true;
}

/// Throws where memory of the recording is somebody else's now.
GUARD_CALL void guard_replay(void* recording) { static_cast<guard::Recording*>(recording)->replay(); }
GUARD_CALL void guard_forget(void* recording) { delete static_cast<guard::Recording*>(recording); }
}
