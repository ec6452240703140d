#pragma once
#include "ops/ops.h"

namespace hyperfit::cuda {

/// libtorch's operations, and in the place of some what CUDA does better. An operation is one file here and one row in table.cc.
const Ops& table();

// The rows that differ.
void matmul(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch);
bool sums_bfloat16_in_float32();
void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);

}  // namespace hyperfit::cuda
