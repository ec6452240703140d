#include "guard_calls.h"

#include <dlfcn.h>

#include <stdexcept>

namespace stand_in {
namespace {

GuardCalls calls;

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(std::string("expected a guarded device that has ") + name);
}

}  // namespace

const GuardCalls& guard() { return calls; }

void attach(const std::string& guard_module) {
  void* library = dlopen(guard_module.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) throw std::runtime_error("expected a loaded guarded device, got none in " + guard_module);
  find(library, "guard_behind", calls.behind);
  find(library, "guard_device_at", calls.device_at);
  find(library, "guard_begin_capture", calls.begin_capture);
  find(library, "guard_is_capturing", calls.is_capturing);
  find(library, "guard_end_capture", calls.end_capture);
  find(library, "guard_record", calls.record);
  find(library, "guard_replay", calls.replay);
  find(library, "guard_forget", calls.forget);
}

}  // namespace stand_in
