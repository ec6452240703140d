#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit::aten {

/// A table of the host's on a device, float32 [size], which keeps it for the rest of the process: a copy with every call would wait for all
/// that is queued before it.
at::Tensor kept_on(const float* table, int64_t size, at::Device device);

}  // namespace hyperfit::aten
