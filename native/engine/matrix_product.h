#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

/// y = a b + beta y for matrices [m, k] and [k, n], or for as many pairs of them, [N, m, k] and [N, k, n]; all of one type,
/// float32 or bfloat16, in any layout that a product can read. beta 0 forgets y, NaN included.
void multiply_out(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta = 0);

}  // namespace hyperfit
