#pragma once
#include "ops/ops.h"

namespace hyperfit::aten {

/// Every operation by libtorch's own: slow and obvious, for any device, and the oracle of all others.
const Ops& table();

/// x = factor x. Not `x.mul_(factor)`, which rounds the factor to x's type before it multiplies: an attention scale of .204 by .2 %.
void scale(at::Tensor& x, double factor);
/// A number of the host as the second operand of an operator that writes into memory of the caller's: no factor of the operands' type.
at::Tensor number(double value);

// Its rows, for those of other backends that fall back on them.
at::Tensor empty(int64_t count, const at::TensorOptions& options);
at::Tensor zeros(int64_t count, const at::TensorOptions& options);
void round(at::Tensor& to, const at::Tensor& from);
void add(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend);
void accumulate(at::Tensor& y, const at::Tensor& addend, double beta);
void sum_rows(at::Tensor& y, const at::Tensor& x, double beta);
void matmul(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch);
bool sums_bfloat16_in_float32();
void linear(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
void linear_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w, at::Tensor& product);
void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch);
void embedding(at::Tensor& x, const at::Tensor& weight, const at::Tensor& tokens, double scale);
void embedding_backward(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale, int64_t padding_index);
void rotate(at::Tensor out, const at::Tensor& x, const Rotation& rotation, double sign);
void rotate_token(at::Tensor& turned_q, at::Tensor& turned_k, const CachePlace& place, const TokenHeads& heads, const Rotation& rotation);
void activate(at::Tensor& y, const at::Tensor& x, Activation f);
void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f);
void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f);
void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                             Activation f);
void softcap(at::Tensor& x, double cap, at::Tensor ratio);
void softcap_backward(at::Tensor& dy, at::Tensor& ratio);
void attention(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule,
               AttentionScratch& scratch);
void attention_backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const AttentionRule& rule, AttentionScratch& scratch);
int64_t attention_bytes(const AttentionShape& shape, const AttentionRule& rule);
void attention_decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span,
                      const AttentionRule& rule, AttentionScratch& scratch);
at::Tensor causal_softmax(at::Tensor& scores, const AttentionRule& rule, AttentionScratch& scratch);
at::Tensor causal_softmax_backward(at::Tensor& dp, const at::Tensor& p, const AttentionRule& rule, AttentionScratch& scratch);
void cross_entropy(at::Tensor& logits, const at::Tensor& targets, at::Tensor& loss);
TokenStats token_stats(const at::Tensor& logits, const at::Tensor& targets);
at::Tensor norm_of(const std::vector<at::Tensor>& tensors, Buffer& scratch);
void adamw(const AdamWUpdate& update);
void adamw_8bit(const AdamWUpdate& update);
std::unique_ptr<DecodeSession> decode_session(Decoder& decoder, KVCache& cache, int64_t batch);

}  // namespace hyperfit::aten
