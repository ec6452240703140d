#pragma once
#include <cstdint>

namespace hyperfit::kernels {

/// Each of `rows` rows of `size` float32: y = x rstd (w + offset), rstd = 1 / sqrt(mean(x^2) + eps).
void rms_norm_forward(float* y, float* rstd, const float* x, const float* weight, float offset, float eps, int64_t rows,
                      int64_t size);
/// y again from the kept rstd.
void rms_norm_recompute(float* y, const float* rstd, const float* x, const float* weight, float offset, int64_t rows,
                        int64_t size);
/// dx += rstd (g - n mean(g n)) with n = x rstd and g = dy (w + offset); dw = beta dw + sum over rows of dy n.
void rms_norm_backward(float* dx, float* dw, const float* dy, const float* x, const float* rstd, const float* weight,
                       float offset, float beta, int64_t rows, int64_t size);

}  // namespace hyperfit::kernels
