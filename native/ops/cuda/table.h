#pragma once
#include "ops/ops.h"

namespace hyperfit::cuda {

/// libtorch's operations, and in the place of some what CUDA does better. An operation is one file here and one row in table.cc.
const Ops& table();

/// The same without our own kernels, which own_rows.h puts in the place of some rows.
const Ops& libtorch_table();

// The rows that differ.
void matmul(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch);
bool sums_bfloat16_in_float32();
void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
void norm_again(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch);
void attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule,
               AttentionScratch& scratch);
void attention_backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionRule& rule, AttentionScratch& scratch);
int64_t attention_bytes(const AttentionShape& shape, const AttentionRule& rule);
at::Tensor norm_of(const std::vector<at::Tensor>& tensors, Buffer& scratch);

}  // namespace hyperfit::cuda
