#pragma once
#include "engine/parameters.h"
#include "ops/ops.h"

namespace hyperfit {

/// A norm of rows, as NormWeights has it. x, y and their gradients are float32 or bfloat16, each its own; statistics, weights and sums are
/// float32.
struct Norm {
  const Ops* ops = nullptr;
  NormType type = NormType::rms;
  Parameter* weight = nullptr;  // [size]
  Parameter* bias = nullptr;    // [size], layer only
  double eps = 1e-5;
  double offset = 0;

  /// y [rows, size]; `stats` [2, rows, 1] keeps 1/deviation and, for layer, the mean.
  void forward(at::Tensor y, const at::Tensor& stats, const at::Tensor& x) const { ops->norm(y, stats, x, weights()); }
  /// y again, from the kept statistics: cheaper than keeping y.
  void recompute(at::Tensor y, const at::Tensor& stats, const at::Tensor& x) const { ops->norm_again(y, stats, x, weights()); }
  /// dx += gradient through the norm; dw = beta dw + gradient. `dy` and `scratch` [rows, size] are overwritten.
  void backward(at::Tensor dx, at::Tensor dy, const at::Tensor& x, const at::Tensor& stats, at::Tensor scratch, double beta) const {
    ops->norm_backward(dx, dy, x, stats, weights(), {weight->gradient, bias ? bias->gradient : weight->gradient, beta}, scratch);
  }
  NormWeights weights() const { return {type, weight->forward, bias ? bias->forward : weight->forward, eps, offset}; }
};

}  // namespace hyperfit
