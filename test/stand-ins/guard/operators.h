#pragma once

namespace guard {

/// Registers every operator for the guarded device. Once per process, after register_device().
void register_operators();

}  // namespace guard
