#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

// Where float32 (weights, residual stream, gradients of both) meets the type of the products.

/// to = from, rounded where `to` is bfloat16. Shapes alike.
void round_to(at::Tensor& to, const at::Tensor& from);
/// y = beta y + addend, y float32. beta 0 forgets y, NaN included.
void add_bfloat16_to(at::Tensor& y, const at::Tensor& addend, double beta);
/// y = x + addend, y and x float32, addend of either type.
void add_out(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend);

}  // namespace hyperfit
