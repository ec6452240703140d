#include "ops/aten/table.h"
#include "ops/cpu/by_type.h"
#include "ops/cpu/norm/layer_norm.h"
#include "ops/cpu/norm/rms_norm.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {
namespace {

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

// stats [2, rows, 1]
kernels::LayerNormStats layer_stats(const at::Tensor& stats) { return {data(stats), data(stats) + stats.size(1)}; }

}  // namespace

void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  const auto eps = static_cast<float>(w.eps), offset = static_cast<float>(w.offset);
  kernels::by_types(y, x, [&](auto* to, auto* from) {
    if (w.type == NormType::layer) {
      return kernels::layer_norm_forward(to, layer_stats(stats), from, data(w.weight), data(w.bias), eps, x.size(0), x.size(1));
    }
    kernels::rms_norm_forward(to, data(stats), from, data(w.weight), offset, eps, x.size(0), x.size(1));
  });
}

void norm_again(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w) {
  kernels::by_types(y, x, [&](auto* to, auto* from) {
    if (w.type == NormType::layer) {
      return kernels::layer_norm_recompute(to, layer_stats(stats), from, data(w.weight), data(w.bias), x.size(0), x.size(1));
    }
    kernels::rms_norm_recompute(to, data(stats), from, data(w.weight), static_cast<float>(w.offset), x.size(0), x.size(1));
  });
}

void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch) {
  // A branch of products, whose gradient is kept in float32 while its own values are not, has no kernel.
  if (dx.scalar_type() != x.scalar_type()) return aten::norm_backward(dx, dy, x, stats, w, gradients, scratch);
  const auto beta = static_cast<float>(gradients.beta);
  kernels::by_types(dy, x, [&]<class Y, class X>(Y* dy_data, X* x_data) {
    X* to = dx.data_ptr<X>();
    if (w.type == NormType::layer) {
      return kernels::layer_norm_backward(to, data(gradients.weight), data(gradients.bias), dy_data, x_data, layer_stats(stats),
                                          data(w.weight), beta, x.size(0), x.size(1));
    }
    kernels::rms_norm_backward(to, data(gradients.weight), dy_data, x_data, data(stats), data(w.weight), static_cast<float>(w.offset), beta,
                               x.size(0), x.size(1));
  });
}

}  // namespace hyperfit::cpu
