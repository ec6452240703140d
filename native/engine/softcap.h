#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

/// x = cap tanh(x / cap), in place. Source: Gemma 2 technical report 2024, section 2.
void softcap_(at::Tensor& x, double cap);
/// The same; `ratio` (shape of x) keeps tanh(x / cap) for the backward.
void softcap_(at::Tensor& x, double cap, at::Tensor& ratio);
/// dx = dy (1 - ratio^2), in place on dy; `ratio` is used as scratch.
void softcap_backward_(at::Tensor& dy, at::Tensor& ratio);

}  // namespace hyperfit
