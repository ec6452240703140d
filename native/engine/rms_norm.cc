#include "engine/rms_norm.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>

namespace hyperfit {

void RmsNorm::forward(at::Tensor& y, at::Tensor& rstd, const at::Tensor& x) const {
  at::mul_out(y, x, x);
  at::mean_out(rstd, y, {-1}, /*keepdim=*/true);
  rstd.add_(eps).rsqrt_();
  recompute(y, rstd, x);
}

void RmsNorm::recompute(at::Tensor& y, const at::Tensor& rstd, const at::Tensor& x) const {
  at::mul_out(y, x, rstd);
  y.mul_(weight->value);
}

// With n = x rstd and g = dy w:  dx = rstd (g - n mean(g n)),  dw = sum over rows of dy n.
void RmsNorm::backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& rstd, at::Tensor& scratch,
                       double beta) const {
  at::mul_out(scratch, x, rstd);                                        // n
  weight->gradient.mul_(beta).add_(scratch.mul(dy).sum(0));
  dy.mul_(weight->value);                                               // g
  at::Tensor projection = scratch.mul(dy).mean({-1}, /*keepdim=*/true);  // [rows, 1]
  dy.sub_(scratch.mul_(projection));
  dx.addcmul_(dy, rstd);
}

}  // namespace hyperfit
