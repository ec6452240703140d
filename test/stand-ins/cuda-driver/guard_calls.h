#pragma once
#include <string>

namespace stand_in {

/// What is asked of the guarded device (../guard/faces.cc), found by name.
struct GuardCalls {
  void* (*behind)(void* face);
  int (*device_at)(void* face);
  void (*begin_capture)(int device, void* stream);
  bool (*is_capturing)();
  void* (*end_capture)();
  bool (*record)(int device, void (*run)(void*), void* state, void (*drop)(void*), void* const* addresses, int count);
  void (*replay)(void* recording);
  void (*forget)(void* recording);
};
const GuardCalls& guard();

/// Finds the guarded device's module, which has to be loaded. Throws std::runtime_error where it is not.
void attach(const std::string& guard_module);

}  // namespace stand_in
