// What the driver that stands in for NVIDIA's asks of the guarded device, by name, as the two are modules of their own.
#include "memory.h"

extern "C" {

/// The memory behind an address of a guarded device, or null.
__attribute__((visibility("default"))) void* guard_behind(void* face) { return guard::behind_face(face); }

/// The device of an address, or -1.
__attribute__((visibility("default"))) int guard_device_at(void* face) { return guard::device_at(reinterpret_cast<uintptr_t>(face)); }
}
