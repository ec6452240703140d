#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

/// y = silu(gate) * up, all [rows, intermediate]. Source: Shazeer 2020, "GLU Variants Improve Transformer".
void swiglu_forward(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up);

/// Gradients of both inputs; `dy` is used as scratch, `dgate` and `dup` are overwritten.
void swiglu_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up);

}  // namespace hyperfit
