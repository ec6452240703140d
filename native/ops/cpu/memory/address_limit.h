#pragma once
#include <cstddef>

namespace hyperfit {

/// Whether the process has a limit on addresses (`ulimit -v`). It does not change.
bool addresses_are_limited() noexcept;
/// Throws ERR_OUT_OF_MEMORY where an allocation of `bytes` would leave V8 too few addresses, before it is made: V8 ends the process where
/// it finds none. Free without a limit. Any thread.
void require_addresses(size_t bytes);
/// From now on what is freed in pieces of 64 KiB and more gives its addresses back; else the C library keeps those of ever larger ones.
void free_addresses_at_once() noexcept;

}  // namespace hyperfit
