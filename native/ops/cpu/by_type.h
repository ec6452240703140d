#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit::kernels {

/// Calls `body` with a pointer of the tensor's own type, float or c10::BFloat16.
template <class Body>
void by_type(const at::Tensor& tensor, Body body) {
  if (tensor.scalar_type() == at::kFloat) return body(tensor.data_ptr<float>());
  body(tensor.data_ptr<c10::BFloat16>());
}

/// The same for two tensors, each of its own type.
template <class Body>
void by_types(const at::Tensor& first, const at::Tensor& second, Body body) {
  by_type(first, [&](auto* one) { by_type(second, [&](auto* other) { body(one, other); }); });
}

}  // namespace hyperfit::kernels
