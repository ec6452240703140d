#pragma once
#include <cstddef>

namespace hyperfit {

/// Below a limit on addresses (`ulimit -v`) tensors may leave none for V8, which ends the process where it finds none. So some are kept, which take
/// no memory, and are given up when an allocation has failed, for V8 to work with while the error is handled. Of the process; any thread.
void keep_addresses_in_reserve() noexcept;
void give_up_reserve() noexcept;
/// Throws ERR_OUT_OF_MEMORY where an allocation of `bytes` would leave V8 too few, before it is made.
void require_addresses(size_t bytes);
/// Whether such a limit holds. It does not change.
bool addresses_are_limited() noexcept;

}  // namespace hyperfit
