#include "engine/norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/sum.h>

#include "kernels/enabled.h"
#include "kernels/layer_norm.h"
#include "kernels/rms_norm.h"

namespace hyperfit {
namespace {

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }
template <class Body>
void by_types(const at::Tensor& first, const at::Tensor& second, Body body) {
  kernels::by_type(first, [&](auto* one) { kernels::by_type(second, [&](auto* other) { body(one, other); }); });
}
// stats [2, rows, 1]
kernels::LayerNormStats layer_stats(const at::Tensor& stats) { return {data(stats), data(stats) + stats.size(1)}; }
bool is_float(const at::Tensor& tensor) { return tensor.scalar_type() == at::kFloat; }

}  // namespace

bool Norm::by_kernel(const at::Tensor& y, const at::Tensor& stats, const at::Tensor& x) const {
  return kernels::takes_any(y, x) && kernels::takes(stats, weight->value);
}

at::Tensor Norm::gain() const { return offset == 0 ? weight->value : weight->value.add(offset); }

void Norm::forward(at::Tensor y, const at::Tensor& stats, const at::Tensor& x) const {
  if (by_kernel(y, stats, x)) {
    return by_types(y, x, [&](auto* to, auto* from) {
      if (type == NormType::layer) {
        return kernels::layer_norm_forward(to, layer_stats(stats), from, data(weight->value), data(bias->value), static_cast<float>(eps),
                                           x.size(0), x.size(1));
      }
      kernels::rms_norm_forward(to, data(stats), from, data(weight->value), offset, static_cast<float>(eps), x.size(0), x.size(1));
    });
  }
  if (is_float(y) && is_float(x)) return forward_by_operators(y, stats, x);
  at::Tensor single = at::empty(y.sizes(), stats.options());
  forward_by_operators(single, stats, x.to(at::kFloat));
  y.copy_(single);
}

void Norm::forward_by_operators(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x) const {
  if (type == NormType::layer) return layer_forward(y, stats, x);
  at::Tensor rstd = stats.select(0, 0);
  at::mul_out(y, x, x);
  at::mean_out(rstd, y, {-1}, /*keepdim=*/true);
  rstd.add_(eps).rsqrt_();
  at::mul_out(y, x, rstd);
  y.mul_(gain());
}

void Norm::recompute(at::Tensor y, const at::Tensor& stats, const at::Tensor& x) const {
  if (!by_kernel(y, stats, x)) return forward(y, stats, x);
  by_types(y, x, [&](auto* to, auto* from) {
    if (type == NormType::layer) {
      return kernels::layer_norm_recompute(to, layer_stats(stats), from, data(weight->value), data(bias->value), x.size(0), x.size(1));
    }
    kernels::rms_norm_recompute(to, data(stats), from, data(weight->value), offset, x.size(0), x.size(1));
  });
}

void Norm::backward(at::Tensor dx, at::Tensor dy, const at::Tensor& x, const at::Tensor& stats, at::Tensor scratch, double beta) const {
  if (by_kernel(dy, stats, x) && kernels::takes_alike(dx, x) && kernels::takes(weight->gradient)) {
    return by_types(dy, x, [&]<class Y, class X>(Y* dy_data, X* x_data) {
      if (type == NormType::layer) {
        return kernels::layer_norm_backward(dx.data_ptr<X>(), data(weight->gradient), data(bias->gradient), dy_data, x_data,
                                            layer_stats(stats), data(weight->value), static_cast<float>(beta), x.size(0), x.size(1));
      }
      kernels::rms_norm_backward(dx.data_ptr<X>(), data(weight->gradient), dy_data, x_data, data(stats), data(weight->value), offset,
                                 static_cast<float>(beta), x.size(0), x.size(1));
    });
  }
  if (is_float(dx) && is_float(dy) && is_float(x)) return backward_by_operators(dx, dy, x, stats, scratch, beta);
  at::Tensor single_dx = dx.to(at::kFloat), single_dy = dy.to(at::kFloat), single_scratch = at::empty_like(single_dy);
  backward_by_operators(single_dx, single_dy, x.to(at::kFloat), stats, single_scratch, beta);
  if (!dx.is_same(single_dx)) dx.copy_(single_dx);
}

// rms, with n = x rstd and g = dy gain:  dx = rstd (g - n mean(g n)),  dw = sum over rows of dy n.
void Norm::backward_by_operators(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, at::Tensor& scratch,
                                 double beta) const {
  if (type == NormType::layer) return layer_backward(dx, dy, x, stats, beta);
  const at::Tensor rstd = stats.select(0, 0);
  at::mul_out(scratch, x, rstd);  // n
  weight->accumulate(scratch.mul(dy).sum(0), beta);
  dy.mul_(gain());                                                       // g
  at::Tensor projection = scratch.mul(dy).mean({-1}, /*keepdim=*/true);  // [rows, 1]
  dy.sub_(scratch.mul_(projection));
  dx.addcmul_(dy, rstd);
}

void Norm::layer_forward(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x) const {
  at::Tensor rstd = stats.select(0, 0), mean = stats.select(0, 1);
  at::native_layer_norm_out(y, mean, rstd, x, {x.size(1)}, weight->value, bias->value, eps);
}

void Norm::layer_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, double beta) const {
  auto [dinput, dweight, dbias] = at::native_layer_norm_backward(dy, x, {x.size(1)}, stats.select(0, 1), stats.select(0, 0), weight->value,
                                                                 bias->value, {true, true, true});
  dx.add_(dinput);
  weight->accumulate(dweight, beta);
  bias->accumulate(dbias, beta);
}

}  // namespace hyperfit
