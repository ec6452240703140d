#pragma once
#include <ATen/core/Tensor.h>

#include "engine/parameters.h"

namespace hyperfit {

/// y = x W^T + b, y = r + x W^T + b with a residual, and the backward of both. Source: torch.nn.Linear. A `transposed`
/// weight is stored [in, out], as GPT-2's Conv1D stores it. x, y and
/// their gradients are of the type that products compute in; the parameters' gradients are float32.
struct Linear {
  Parameter* weight = nullptr;  // [out, in]
  Parameter* bias = nullptr;    // [out] or null
  bool transposed = false;

  explicit operator bool() const { return weight != nullptr; }
  void forward(at::Tensor& y, const at::Tensor& x) const;  // y [rows, out], x [rows, in]
  /// y and residual float32 [rows, out]; `product` [rows, out] is scratch of x's type.
  void forward_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, at::Tensor& product) const;
  /// y float32 whatever x is, a few rows at a time, for what must not be rounded. Without bias.
  void forward_exact(at::Tensor& y, const at::Tensor& x) const;
  /// dx = dy W, or dx += dy W.
  void backward_input(at::Tensor& dx, const at::Tensor& dy, bool accumulate) const;
  /// dW = beta dW + dy^T x, and the same for the bias.
  void backward_parameters(const at::Tensor& dy, const at::Tensor& x, double beta) const;

 private:
  at::Tensor out_in() const { return transposed ? weight->compute.t() : weight->compute; }
  bool by_kernel(const at::Tensor& x) const;
  void multiply_few_rows(at::Tensor& y, const at::Tensor& x) const;
  at::Tensor in_out() const { return transposed ? weight->compute : weight->compute.t(); }
};

}  // namespace hyperfit
