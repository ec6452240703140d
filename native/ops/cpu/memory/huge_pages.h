#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

/// Asks the system to back the whole pages of 2 MB within this tensor's memory by one entry each, which spares passes over
/// it most misses of the address cache. For tensors on the CPU that nobody has written to yet; elsewhere it does nothing.
void ask_for_huge_pages(const at::Tensor& fresh);
/// A flat tensor of zeros. On the CPU of a Linux it is fresh memory of the system's, which is zero without being written: whoever writes
/// first takes the pages, on as many threads as compute. Throws ERR_OUT_OF_MEMORY as `require_room` does.
at::Tensor huge_zeros(int64_t count, const at::TensorOptions& options);

}  // namespace hyperfit
