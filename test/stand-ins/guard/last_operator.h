#pragma once
#include <c10/core/Device.h>

#include <string>

namespace guard {

/// Says which operator runs on which device, for the handler of faults, and counts it.
void enter_operator(const std::string& name, c10::DeviceIndex device);

/// From now on a touch of guarded memory by the host says what ran last, and ends the process by SIGSEGV.
void install_fault_handler();

}  // namespace guard
