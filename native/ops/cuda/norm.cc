// The norm of the root mean square by libtorch's fused kernels. LayerNorm has one of its own in every backend.
#include <ATen/ops/_fused_rms_norm.h>
#include <ATen/ops/_fused_rms_norm_backward.h>
#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>

#include "ops/arena.h"
#include "ops/aten/table.h"
#include "ops/cuda/table.h"

namespace hyperfit::cuda {
namespace {

// The kernels want one type for all that they are given.
at::Tensor gain(const NormWeights& w, const Temporaries& temporaries) {
  if (w.offset == 0) return w.weight;
  at::Tensor sum = temporaries.like(w.weight);
  return at::add_out(sum, w.weight, aten::number(w.offset));
}

}  // namespace

void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (w.type == NormType::layer) return aten::norm(y, stats, x, w);
  const Temporaries temporaries;
  const auto [normed, rstd] = at::_fused_rms_norm(temporaries.in_type(x, at::kFloat), {x.size(1)}, gain(w, temporaries), w.eps);
  y.copy_(normed);
  stats.select(0, 0).copy_(rstd);
}

// Two launches: the second writes y's type from float32.
void norm_again(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (w.type == NormType::layer) return aten::norm(y, stats, x, w);
  const Temporaries temporaries;
  at::Tensor scaled = y.scalar_type() == at::kFloat ? y : temporaries.empty(x.sizes(), stats.options());
  at::mul_out(scaled, x, stats.select(0, 0));
  at::mul_out(y, scaled, gain(w, temporaries));
}

void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch) {
  if (w.type == NormType::layer) return aten::norm_backward(dx, dy, x, stats, w, gradients, scratch);
  const Temporaries temporaries;
  const auto [dinput, dweight] = at::_fused_rms_norm_backward(temporaries.in_type(dy, at::kFloat), temporaries.in_type(x, at::kFloat),
                                                              {x.size(1)}, stats.select(0, 0), gain(w, temporaries), {true, true});
  dx.add_(dinput);
  aten::accumulate(gradients.weight, dweight, gradients.beta);
}

}  // namespace hyperfit::cuda
