#pragma once
#include "engine/norm.h"
#include "engine/parameters.h"
#include "ops/ops.h"

namespace hyperfit {

/// y = x W^T + b, y = r + x W^T + b with a residual, and the backward of both. Source: torch.nn.Linear. x, y and their gradients are of
/// the type that products compute in; the parameters' gradients are float32.
struct Linear {
  const Ops* ops = nullptr;
  Parameter* weight = nullptr;  // [out, in], or [in, out] where `transposed`
  Parameter* bias = nullptr;    // [out] or null
  bool transposed = false;

  explicit operator bool() const { return weight != nullptr; }
  void forward(at::Tensor& y, const at::Tensor& x) const;  // y [rows, out], x [rows, in]
  /// y and residual float32 [rows, out]; `product` [rows, out] is scratch of x's type.
  void forward_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, at::Tensor& product) const;
  /// The same, and `normed` [rows, out] of x's type, the norm of y, with its statistics.
  void forward_residual_norm(at::Tensor& y, at::Tensor& normed, const at::Tensor& stats, const at::Tensor& residual, const at::Tensor& x,
                             at::Tensor& product, const Norm& norm) const;
  /// y float32 whatever x is, for what must not be rounded. Without bias.
  void forward_float32(at::Tensor& y, const at::Tensor& x) const;
  /// dx = dy W, or dx += dy W.
  void backward_input(at::Tensor& dx, const at::Tensor& dy, bool accumulate) const;
  /// dW = beta dW + dy^T x, and the same for the bias.
  void backward_parameters(const at::Tensor& dy, const at::Tensor& x, double beta) const;
};

}  // namespace hyperfit
