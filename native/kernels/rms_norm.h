#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

// What enters and leaves the products (y, dy) is float32 or bfloat16; x, the residual stream, and all sums are float32.

/// Each of `rows` rows of `size`: y = x rstd (w + offset), rstd = 1 / sqrt(mean(x^2) + eps).
template <class T>
void rms_norm_forward(T* y, float* rstd, const float* x, const float* weight, float offset, float eps, int64_t rows, int64_t size);
/// y again from the kept rstd.
template <class T>
void rms_norm_recompute(T* y, const float* rstd, const float* x, const float* weight, float offset, int64_t rows, int64_t size);
/// dx += rstd (g - n mean(g n)) with n = x rstd and g = dy (w + offset); dw = beta dw + sum over rows of dy n.
template <class T>
void rms_norm_backward(float* dx, float* dw, const T* dy, const float* x, const float* rstd, const float* weight, float offset,
                       float beta, int64_t rows, int64_t size);

}  // namespace hyperfit::kernels
