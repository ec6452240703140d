#pragma once
#include <ATen/core/Tensor.h>

#include "engine/parameters.h"

namespace hyperfit {

/// y = x W^T + b, y = r + x W^T + b with a residual, and the backward of both. Source: torch.nn.Linear.
struct Linear {
  Parameter* weight = nullptr;  // [out, in]
  Parameter* bias = nullptr;    // [out] or null

  void forward(at::Tensor& y, const at::Tensor& x) const;  // y [rows, out], x [rows, in]
  void forward_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x) const;
  /// dx = dy W, or dx += dy W.
  void backward_input(at::Tensor& dx, const at::Tensor& dy, bool accumulate) const;
  /// dW = beta dW + dy^T x, and the same for the bias.
  void backward_parameters(const at::Tensor& dy, const at::Tensor& x, double beta) const;
};

}  // namespace hyperfit
