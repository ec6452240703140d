#pragma once
#include <ATen/core/Tensor.h>

#include "engine/model_config.h"

namespace hyperfit {

/// y = f(x) and dx = dy f'(x), any shape; f as named in lib/addon-types.ts.
/// Source: Hendrycks and Gimpel 2016 (GELU and its approximations); Elfwing et al. 2018 (SiLU).
void activate(at::Tensor& y, const at::Tensor& x, Activation f);
void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f);

/// y = f(gate) * up, all [rows, intermediate]. Source: Shazeer 2020, "GLU Variants Improve Transformer".
void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f);
/// Gradients of both inputs; `dgate` and `dup` are overwritten, `dy` becomes y again.
void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate,
                             const at::Tensor& up, Activation f);

}  // namespace hyperfit
