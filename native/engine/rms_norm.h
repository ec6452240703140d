#pragma once
#include <ATen/core/Tensor.h>

#include "engine/parameters.h"

namespace hyperfit {

/// y = x / sqrt(mean(x^2) + eps) * w, statistics in float32. Source: Zhang and Sennrich 2019; LlamaRMSNorm.
struct RmsNorm {
  Parameter* weight = nullptr;  // [hidden]
  double eps = 1e-5;

  /// y [rows, hidden]; rstd [rows, 1] is kept for the backward.
  void forward(at::Tensor& y, at::Tensor& rstd, const at::Tensor& x) const;
  /// y again, from the kept rstd: cheaper than keeping y.
  void recompute(at::Tensor& y, const at::Tensor& rstd, const at::Tensor& x) const;
  /// dx += gradient through the norm; dw = beta dw + gradient. `dy` is used as scratch.
  void backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& rstd, at::Tensor& scratch,
                double beta) const;
};

}  // namespace hyperfit
