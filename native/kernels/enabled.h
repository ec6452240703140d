#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit::kernels {

/// Whether our own kernels compute, or libtorch's operators, which are slower and obvious: the oracle of the former.
bool enabled();
void set_enabled(bool enabled);

/// Whether a kernel may take these tensors: on the CPU, dense, of one of the two types that compute.
template <class... Tensors>
bool takes_any(const Tensors&... tensors) {
  auto fits = [](const at::Tensor& t) {
    return t.is_cpu() && t.is_contiguous() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16);
  };
  return enabled() && (fits(tensors) && ...);
}

/// The same, all of them of one type.
template <class... Tensors>
bool takes_alike(const at::Tensor& first, const Tensors&... rest) {
  return takes_any(first, rest...) && ((rest.scalar_type() == first.scalar_type()) && ...);
}

/// The same, float32 alone.
template <class... Tensors>
bool takes(const Tensors&... tensors) {
  return takes_any(tensors...) && ((tensors.scalar_type() == at::kFloat) && ...);
}

/// Calls `body` with a pointer of the tensor's own type, float or c10::BFloat16.
template <class Body>
void by_type(const at::Tensor& tensor, Body body) {
  if (tensor.scalar_type() == at::kFloat) return body(tensor.data_ptr<float>());
  body(tensor.data_ptr<c10::BFloat16>());
}

}  // namespace hyperfit::kernels
