#pragma once
#include <ATen/core/Generator.h>

namespace guard {

/// The random numbers of a device, a generator of its own as on CUDA.
at::Generator& generator_of(c10::DeviceIndex device);

/// Names the backend, its allocators, streams, hooks and the engine of autograd. Once per process.
void register_device();

}  // namespace guard
