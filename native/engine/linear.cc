#include "engine/linear.h"

namespace hyperfit {
namespace {

const at::Tensor kNone;

}  // namespace

void Linear::forward(at::Tensor& y, const at::Tensor& x) const {
  ops->linear(y, x, {weight->compute, bias ? bias->compute : kNone, transposed});
}

// The stream is float32, and so is the bias that is added to it.
void Linear::forward_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, at::Tensor& product) const {
  ops->linear_residual(y, residual, x, {weight->compute, bias ? bias->forward : kNone, transposed}, product);
}

void Linear::forward_residual_norm(at::Tensor& y, at::Tensor& normed, const at::Tensor& stats, const at::Tensor& residual,
                                   const at::Tensor& x, at::Tensor& product, const Norm& norm) const {
  const LinearWeights matrix{weight->compute, bias ? bias->forward : kNone, transposed};
  if (ops->linear_residual_norm) return ops->linear_residual_norm(y, normed, stats, residual, x, matrix, product, norm.weights());
  ops->linear_residual(y, residual, x, matrix, product);
  norm.forward(normed, stats, y);
}

void Linear::forward_float32(at::Tensor& y, const at::Tensor& x) const { ops->linear_float32(y, x, {weight->compute, kNone, transposed}); }

void Linear::backward_input(at::Tensor& dx, const at::Tensor& dy, bool accumulate) const {
  ops->matmul(dx, dy, LinearWeights{weight->compute, kNone, transposed}.out_in(), accumulate ? 1 : 0, {});
}

void Linear::backward_parameters(const at::Tensor& dy, const at::Tensor& x, double beta) const {
  if (bias && bias->trained) ops->sum_rows(bias->gradient, dy, beta);
  if (!weight->trained) return;
  if (transposed) {
    ops->matmul(weight->gradient, x.t(), dy, beta, weight->product);
  } else {
    ops->matmul(weight->gradient, dy.t(), x, beta, weight->product);
  }
}

}  // namespace hyperfit
