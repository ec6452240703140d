#include "engine/rms_norm.h"

#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>

#include "kernels/enabled.h"
#include "kernels/rms_norm.h"

namespace hyperfit {
namespace {

constexpr float kNoOffset = 0;  // the weight itself scales

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

}  // namespace

void RmsNorm::forward(at::Tensor& y, at::Tensor& rstd, const at::Tensor& x) const {
  if (kernels::takes(y, rstd, x, weight->value)) {
    return kernels::rms_norm_forward(data(y), data(rstd), data(x), data(weight->value), kNoOffset, static_cast<float>(eps),
                                     x.size(0), x.size(1));
  }
  at::mul_out(y, x, x);
  at::mean_out(rstd, y, {-1}, /*keepdim=*/true);
  rstd.add_(eps).rsqrt_();
  recompute(y, rstd, x);
}

void RmsNorm::recompute(at::Tensor& y, const at::Tensor& rstd, const at::Tensor& x) const {
  if (kernels::takes(y, rstd, x, weight->value)) {
    return kernels::rms_norm_recompute(data(y), data(rstd), data(x), data(weight->value), kNoOffset, x.size(0), x.size(1));
  }
  at::mul_out(y, x, rstd);
  y.mul_(weight->value);
}

// With n = x rstd and g = dy w:  dx = rstd (g - n mean(g n)),  dw = sum over rows of dy n.
void RmsNorm::backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& rstd, at::Tensor& scratch,
                       double beta) const {
  if (kernels::takes(dx, dy, x, rstd, weight->value, weight->gradient)) {
    return kernels::rms_norm_backward(data(dx), data(weight->gradient), data(dy), data(x), data(rstd), data(weight->value),
                                      kNoOffset, static_cast<float>(beta), x.size(0), x.size(1));
  }
  at::mul_out(scratch, x, rstd);                                        // n
  weight->gradient.mul_(beta).add_(scratch.mul(dy).sum(0));
  dy.mul_(weight->value);                                               // g
  at::Tensor projection = scratch.mul(dy).mean({-1}, /*keepdim=*/true);  // [rows, 1]
  dy.sub_(scratch.mul_(projection));
  dx.addcmul_(dy, rstd);
}

}  // namespace hyperfit
