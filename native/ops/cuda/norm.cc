// The norm of the root mean square by libtorch's fused kernels. LayerNorm has one of its own in every backend.
#include <ATen/ops/_fused_rms_norm.h>
#include <ATen/ops/_fused_rms_norm_backward.h>
#include <ATen/ops/mul.h>

#include "ops/aten/table.h"
#include "ops/cuda/table.h"

namespace hyperfit::cuda {
namespace {

// The kernels want one type for all that they are given.
at::Tensor gain(const NormWeights& w) { return w.offset == 0 ? w.weight : w.weight.add(w.offset); }

}  // namespace

void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (w.type == NormType::layer) return aten::norm(y, stats, x, w);
  const auto [normed, rstd] = at::_fused_rms_norm(x.to(at::kFloat), {x.size(1)}, gain(w), w.eps);
  y.copy_(normed);
  stats.select(0, 0).copy_(rstd);
}

// Two launches: the second writes y's type from float32.
void norm_again(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (w.type == NormType::layer) return aten::norm(y, stats, x, w);
  at::Tensor scaled = y.scalar_type() == at::kFloat ? at::mul_out(y, x, stats.select(0, 0)) : x.mul(stats.select(0, 0));
  at::mul_out(y, scaled, gain(w));
}

void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w, const NormGradients& gradients,
                   at::Tensor& scratch) {
  if (w.type == NormType::layer) return aten::norm_backward(dx, dy, x, stats, w, gradients, scratch);
  const auto [dinput, dweight] =
      at::_fused_rms_norm_backward(dy.to(at::kFloat), x.to(at::kFloat), {x.size(1)}, stats.select(0, 0), gain(w), {true, true});
  dx.add_(dinput);
  aten::accumulate(gradients.weight, dweight, gradients.beta);
}

}  // namespace hyperfit::cuda
