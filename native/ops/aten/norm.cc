#include <ATen/ops/add.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>

#include "ops/arena.h"
#include "ops/aten/table.h"

namespace hyperfit::aten {
namespace {

bool is_float(const at::Tensor& tensor) { return tensor.scalar_type() == at::kFloat; }

at::Tensor gain(const NormWeights& w, const Temporaries& temporaries) {
  if (w.offset == 0) return w.weight;
  at::Tensor sum = temporaries.like(w.weight);
  return at::add_out(sum, w.weight, number(w.offset));
}

void rms_forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  at::Tensor rstd = stats.select(0, 0);
  at::mul_out(y, x, x);
  at::mean_out(rstd, y, {-1}, /*keepdim=*/true);
  rstd.add_(w.eps).rsqrt_();
  at::mul_out(y, x, rstd);
  const Temporaries temporaries;
  y.mul_(gain(w, temporaries));
}

// With n = x rstd and g = dy gain:  dx = rstd (g - n mean(g n)),  dw = sum over rows of dy n.
void rms_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                  const NormGradients& gradients, at::Tensor& scratch) {
  const Temporaries temporaries;
  const at::Tensor rstd = stats.select(0, 0);
  at::Tensor product = temporaries.like(scratch), projection = temporaries.like(rstd);
  at::mul_out(scratch, x, rstd);  // n
  at::mul_out(product, scratch, dy);
  sum_rows(gradients.weight, product, gradients.beta);
  dy.mul_(gain(w, temporaries));  // g
  at::mul_out(product, scratch, dy);
  at::mean_out(projection, product, {-1}, /*keepdim=*/true);
  dy.sub_(scratch.mul_(projection));
  dx.addcmul_(dy, rstd);
}

void layer_forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  at::Tensor rstd = stats.select(0, 0), mean = stats.select(0, 1);
  at::native_layer_norm_out(y, mean, rstd, x, {x.size(1)}, w.weight, w.bias, w.eps);
}

void layer_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                    const NormGradients& gradients) {
  auto [dinput, dweight, dbias] =
      at::native_layer_norm_backward(dy, x, {x.size(1)}, stats.select(0, 1), stats.select(0, 0), w.weight, w.bias, {true, true, true});
  dx.add_(dinput);
  accumulate(gradients.weight, dweight, gradients.beta);
  accumulate(gradients.bias, dbias, gradients.beta);
}

void forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  w.type == NormType::layer ? layer_forward(y, stats, x, w) : rms_forward(y, stats, x, w);
}

void backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
              const NormGradients& gradients, at::Tensor& scratch) {
  if (w.type == NormType::layer) return layer_backward(dx, dy, x, stats, w, gradients);
  rms_backward(dx, dy, x, stats, w, gradients, scratch);
}

}  // namespace

void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  if (is_float(y) && is_float(x)) return forward(y, stats, x, w);
  const Temporaries temporaries;
  at::Tensor single = temporaries.empty(y.sizes(), stats.options());
  forward(single, stats, temporaries.in_type(x, at::kFloat), w);
  y.copy_(single);
}

void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch) {
  if (is_float(dx) && is_float(dy) && is_float(x)) return backward(dx, dy, x, stats, w, gradients, scratch);
  const Temporaries temporaries;
  at::Tensor single_dx = temporaries.in_type(dx, at::kFloat), single_dy = temporaries.in_type(dy, at::kFloat);
  at::Tensor single_scratch = temporaries.like(single_dy);
  backward(single_dx, single_dy, temporaries.in_type(x, at::kFloat), stats, w, gradients, single_scratch);
  if (!dx.is_same(single_dx)) dx.copy_(single_dx);
}

}  // namespace hyperfit::aten
