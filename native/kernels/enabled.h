#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit::kernels {

/// Whether our own kernels compute, or libtorch's operators, which are slower and obvious: the oracle of the former.
bool enabled();
void set_enabled(bool enabled);

/// Whether a kernel may take these tensors: float32 on the CPU, dense.
template <class... Tensors>
bool takes(const Tensors&... tensors) {
  return enabled() && ((tensors.is_cpu() && tensors.scalar_type() == at::kFloat && tensors.is_contiguous()) && ...);
}

}  // namespace hyperfit::kernels
