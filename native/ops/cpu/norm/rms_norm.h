#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

// Y, dy's type too, is that of the products, float32 or bfloat16. X, dx's type too, is float32 where x is the residual
// stream, and that of the products for a norm of heads or of a branch. All sums are float32.

/// Each of `rows` rows of `size`: y = x rstd (w + offset), rstd = 1 / sqrt(mean(x^2) + eps).
template <class Y, class X>
void rms_norm_forward(Y* y, float* rstd, const X* x, const float* weight, float offset, float eps, int64_t rows, int64_t size);
/// y again from the kept rstd.
template <class Y, class X>
void rms_norm_recompute(Y* y, const float* rstd, const X* x, const float* weight, float offset, int64_t rows, int64_t size);
/// dx += rstd (g - n mean(g n)) with n = x rstd and g = dy (w + offset); dw = beta dw + sum over rows of dy n.
template <class Y, class X>
void rms_norm_backward(X* dx, float* dw, const Y* dy, const X* x, const float* rstd, const float* weight, float offset,
                       float beta, int64_t rows, int64_t size);

}  // namespace hyperfit::kernels
