#pragma once
#include <cstddef>

namespace hyperfit::binding {

/// Below a limit on addresses (`ulimit -v`) tensors may leave none for V8, which ends the process where it finds none. So some are kept, which take
/// no memory, and are given up when an allocation has failed, for V8 to work with while the error is handled. Of the process; any thread.
void keep_addresses_in_reserve() noexcept;
void give_up_reserve() noexcept;
/// Throws ERR_OUT_OF_MEMORY where a tensor would leave V8 too few, before it is made. To be asked for `bytes` of its own too.
void require_addresses(size_t bytes);

}  // namespace hyperfit::binding
