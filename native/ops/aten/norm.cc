#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/sum.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {
namespace {

bool is_float(const at::Tensor& tensor) { return tensor.scalar_type() == at::kFloat; }

at::Tensor gain(const NormWeights& w) { return w.offset == 0 ? w.weight : w.weight.add(w.offset); }

void rms_forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  at::Tensor rstd = stats.select(0, 0);
  at::mul_out(y, x, x);
  at::mean_out(rstd, y, {-1}, /*keepdim=*/true);
  rstd.add_(w.eps).rsqrt_();
  at::mul_out(y, x, rstd);
  y.mul_(gain(w));
}

// With n = x rstd and g = dy gain:  dx = rstd (g - n mean(g n)),  dw = sum over rows of dy n.
void rms_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w, const NormGradients& gradients,
                  at::Tensor& scratch) {
  const at::Tensor rstd = stats.select(0, 0);
  at::mul_out(scratch, x, rstd);  // n
  accumulate(gradients.weight, scratch.mul(dy).sum(0), gradients.beta);
  dy.mul_(gain(w));                                                      // g
  at::Tensor projection = scratch.mul(dy).mean({-1}, /*keepdim=*/true);  // [rows, 1]
  dy.sub_(scratch.mul_(projection));
  dx.addcmul_(dy, rstd);
}

void layer_forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  at::Tensor rstd = stats.select(0, 0), mean = stats.select(0, 1);
  at::native_layer_norm_out(y, mean, rstd, x, {x.size(1)}, w.weight, w.bias, w.eps);
}

void layer_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w, const NormGradients& gradients) {
  auto [dinput, dweight, dbias] =
      at::native_layer_norm_backward(dy, x, {x.size(1)}, stats.select(0, 1), stats.select(0, 0), w.weight, w.bias, {true, true, true});
  dx.add_(dinput);
  accumulate(gradients.weight, dweight, gradients.beta);
  accumulate(gradients.bias, dbias, gradients.beta);
}

void forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  w.type == NormType::layer ? layer_forward(y, stats, x, w) : rms_forward(y, stats, x, w);
}

void backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w, const NormGradients& gradients,
              at::Tensor& scratch) {
  if (w.type == NormType::layer) return layer_backward(dx, dy, x, stats, w, gradients);
  rms_backward(dx, dy, x, stats, w, gradients, scratch);
}

}  // namespace

void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (is_float(y) && is_float(x)) return forward(y, stats, x, w);
  at::Tensor single = at::empty(y.sizes(), stats.options());
  forward(single, stats, x.to(at::kFloat), w);
  y.copy_(single);
}

void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w, const NormGradients& gradients,
                   at::Tensor& scratch) {
  if (is_float(dx) && is_float(dy) && is_float(x)) return backward(dx, dy, x, stats, w, gradients, scratch);
  at::Tensor single_dx = dx.to(at::kFloat), single_dy = dy.to(at::kFloat), single_scratch = at::empty_like(single_dy);
  backward(single_dx, single_dy, x.to(at::kFloat), stats, w, gradients, single_scratch);
  if (!dx.is_same(single_dx)) dx.copy_(single_dx);
}

}  // namespace hyperfit::aten
