#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

// Y, dy's type too, is that of the products, float32 or bfloat16. X, dx's type too, is float32 where x is the residual
// stream, or that of the products. All sums are float32.

/// What a norm keeps of its rows [rows] each: 1 / sqrt(var + eps) and the mean.
struct LayerNormStats {
  float* rstd;
  float* mean;
};

/// Each of `rows` rows of `size`: y = (x - mean) rstd w + b.
template <class Y, class X>
void layer_norm_forward(Y* y, LayerNormStats stats, const X* x, const float* weight, const float* bias, float eps, int64_t rows,
                        int64_t size);
/// y again from the kept statistics.
template <class Y, class X>
void layer_norm_recompute(Y* y, LayerNormStats stats, const X* x, const float* weight, const float* bias, int64_t rows, int64_t size);
/// dx += rstd (g - mean(g) - n mean(g n)) with n = (x - mean) rstd and g = dy w; dw = beta dw + sum over rows of dy n;
/// db = beta db + sum over rows of dy.
template <class Y, class X>
void layer_norm_backward(X* dx, float* dw, float* db, const Y* dy, const X* x, LayerNormStats stats, const float* weight, float beta,
                         int64_t rows, int64_t size);

}  // namespace hyperfit::kernels
