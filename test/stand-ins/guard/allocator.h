#pragma once

namespace guard {

/// What memory of a guarded device is given back by; its argument is an Allocation.
void give_back(void* allocation);

}  // namespace guard
