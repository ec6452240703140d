#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

/// y = a b + beta y for matrices [m, k] and [k, n], or for as many pairs of them, [N, m, k] and [N, k, n]; a and b of one
/// type, float32 or bfloat16, in any layout that a product can read. y is of that type, or float32 for matrices.
/// beta 0 forgets y, NaN included.
void multiply_out(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta = 0);
/// y = a b + addend for matrices; y and addend float32. `product`, of a's type and y's shape, is scratch.
void multiply_add_out(at::Tensor& y, const at::Tensor& addend, const at::Tensor& a, const at::Tensor& b, at::Tensor& product);
/// Whether bfloat16 products go straight into float32, so that nobody needs memory for rounded ones.
bool sums_bfloat16_in_float32(const at::Tensor& a);

}  // namespace hyperfit
