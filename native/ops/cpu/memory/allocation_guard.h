#pragma once
#include <cstddef>

namespace hyperfit {

/// Throws ERR_OUT_OF_MEMORY where the system would not refuse `bytes` more, but end the process over them: addresses below a limit on them
/// (address_limit.h), memory below the limit of a cgroup (memory_limit.h). Free where neither holds.
void require_room(size_t bytes);
/// Has the system give the pages of fresh memory at once, where a cgroup limits it and all of it will be written to: what is asked for but
/// not yet taken is in nobody's count, and would be promised again.
void take_pages(void* memory, size_t bytes) noexcept;
/// From now on all tensors of libtorch on the CPU ask `require_room`, once they are large or many. For the process; further calls do
/// nothing.
void guard_allocations();

}  // namespace hyperfit
