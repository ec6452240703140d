#pragma once
#include "ops/ops.h"

namespace hyperfit::cpu {

/// libtorch's operations, and our kernels in the place of most. A folder holds an operation: kernels over plain pointers (namespace
/// kernels), and what puts tensors before them.
const Ops& table();

// The rows that differ.
at::Tensor empty(int64_t count, const at::TensorOptions& options);
at::Tensor zeros(int64_t count, const at::TensorOptions& options);
void round(at::Tensor& to, const at::Tensor& from);
void add(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend);
void accumulate(at::Tensor& y, const at::Tensor& addend, double beta);
void matmul(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch);
bool sums_bfloat16_in_float32();
void linear(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
void linear_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w, at::Tensor& product);
void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
void norm(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
void norm_again(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
void norm_backward(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                   const NormGradients& gradients, at::Tensor& scratch);
void embedding_backward(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale, int64_t padding_index);
void rotate(at::Tensor out, const at::Tensor& x, const Rotation& rotation, double sign);
void activate(at::Tensor& y, const at::Tensor& x, Activation f);
void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f);
void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f);
void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                             Activation f);
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
void adamw(const AdamWUpdate& update);
void adamw_8bit(const AdamWUpdate& update);
std::unique_ptr<DecodeSession> decode_session(Decoder& decoder, KVCache& cache, int64_t batch);

}  // namespace hyperfit::cpu
