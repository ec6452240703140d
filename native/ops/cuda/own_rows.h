#pragma once
#include "ops/ops.h"

namespace hyperfit::cuda {

/// Puts our own kernels (kernels/) in the place of rows. Each of them computes by libtorch's row where its kernel cannot be had, or does
/// not take what it was given.
void use_kernels(Ops& ops);

/// The rows that compute on that device where a kernel cannot.
const Ops& libtorch_rows(at::Device device);

/// libtorch's rows and our kernels, for a device of tests whose launches go through a driver that stands in.
const Ops& stand_in_table();

namespace own {

void cross_entropy(at::Tensor& logits, const at::Tensor& targets, at::Tensor& loss);
TokenStats token_stats(const at::Tensor& logits, const at::Tensor& targets);
void activate(at::Tensor& y, const at::Tensor& x, Activation f);
void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f);
void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f);
void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                             Activation f);
void rotate(at::Tensor out, const at::Tensor& x, const Rotation& rotation, double sign);
void rotate_token(at::Tensor& turned_q, at::Tensor& turned_k, const CachePlace& place, const TokenHeads& heads, const Rotation& rotation);
void attention_decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span,
                      const AttentionRule& rule, AttentionScratch& scratch);
void embedding_backward(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale, int64_t padding_index);
void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
void norm_again(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch);
void linear(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
void linear_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w, at::Tensor& product);
void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
void linear_residual_norm(at::Tensor& y, at::Tensor& normed, const at::Tensor& stats, const at::Tensor& residual, const at::Tensor& x,
                          const LinearWeights& w, at::Tensor& product, const NormWeights& norm);
bool choose_tokens(const TokenChoice& choice);
at::Tensor norm_of(const std::vector<at::Tensor>& tensors, Buffer& scratch);
void adamw(const AdamWUpdate& update);
void adamw_8bit(const AdamWUpdate& update);

}  // namespace own
}  // namespace hyperfit::cuda
