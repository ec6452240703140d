#pragma once
#include <ATen/core/Tensor.h>

#include "engine/model_config.h"
#include "engine/parameters.h"

namespace hyperfit {

/// rms: y = x / sqrt(mean(x^2) + eps) * (w + offset). Source: Zhang and Sennrich 2019; LlamaRMSNorm, Gemma's offset 1.
/// layer: y = (x - mean) / sqrt(var + eps) * w + b. Source: Ba et al. 2016; torch.nn.LayerNorm.
struct Norm {
  NormType type = NormType::rms;
  Parameter* weight = nullptr;  // [size]
  Parameter* bias = nullptr;    // [size], layer only
  double eps = 1e-5;
  float offset = 0;

  // x, y and their gradients are float32 or bfloat16, each its own; statistics, weights and sums are float32.

  /// y [rows, size]; `stats` [2, rows, 1] keeps 1/deviation and, for layer, the mean.
  void forward(at::Tensor y, const at::Tensor& stats, const at::Tensor& x) const;
  /// y again, from the kept statistics: cheaper than keeping y.
  void recompute(at::Tensor y, const at::Tensor& stats, const at::Tensor& x) const;
  /// dx += gradient through the norm; dw = beta dw + gradient. `dy` and `scratch` [rows, size] are overwritten.
  void backward(at::Tensor dx, at::Tensor dy, const at::Tensor& x, const at::Tensor& stats, at::Tensor scratch, double beta) const;

 private:
  bool by_kernel(const at::Tensor& y, const at::Tensor& stats, const at::Tensor& x) const;
  void forward_by_operators(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x) const;
  void backward_by_operators(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, at::Tensor& scratch,
                             double beta) const;
  at::Tensor gain() const;
  void layer_forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x) const;
  void layer_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, double beta) const;
};

}  // namespace hyperfit
