#pragma once
#include <memory>
#include <vector>

#include "ops/arguments.h"
#include "ops/token_choice.h"

namespace hyperfit {

class Decoder;
class DecodeSession;
class KVCache;

/// The engine's whole vocabulary, beside views, copies, fills and additions of tensors. A backend is one such table: `aten` has every
/// operation by libtorch, for any device; `cpu` and `cuda` begin with its rows and put their own in the place of some. A decoder
/// chooses its table once (select.h). What a row needs beside its arguments are Temporaries (arena.h). Nothing here waits for a device but
/// `decode_session`'s steps.
///
/// Tensors are dense and on one device; weights, gradients, statistics and the residual stream are float32; those marked * are of the
/// type that products compute in, float32 or bfloat16, one for all of a call. N rows, I and O sizes. See arguments.h for the rest.
struct Ops {
  const char* name;

  // Memory: [count]
  at::Tensor (*empty)(int64_t count, const at::TensorOptions& options);
  at::Tensor (*zeros)(int64_t count, const at::TensorOptions& options);

  // Where float32 meets the type of the products: to* = from; y = x + addend*; y = beta y + addend*; y [I] = beta y + sum over rows
  // of x* [N, I]
  void (*round)(at::Tensor& to, const at::Tensor& from);
  void (*add)(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend);
  void (*accumulate)(at::Tensor& y, const at::Tensor& addend, double beta);
  void (*sum_rows)(at::Tensor& y, const at::Tensor& x, double beta);

  // y = a* b* + beta y: matrices [N, I] [I, O], y of their type or float32; or as many pairs [M, N, I] [M, I, O], y of their type.
  // a and b may be transposed views. beta 0 forgets y. `scratch`, of y's shape and a's type or undefined, serves where
  // `sums_bfloat16_in_float32` is false.
  void (*matmul)(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch);
  bool (*sums_bfloat16_in_float32)();
  // y* [N, O] = x* W^T + b; y = residual + x* W^T + b with product* as scratch; y float32 = x* W^T for what must not be rounded
  void (*linear)(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);
  void (*linear_residual)(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w, at::Tensor& product);
  void (*linear_float32)(at::Tensor& y, const at::Tensor& x, const LinearWeights& w);

  // linear_residual, then `norm` of its result in normed* [N, O] and stats. Null where nothing is better than one after the other.
  void (*linear_residual_norm)(at::Tensor& y, at::Tensor& normed, const at::Tensor& stats, const at::Tensor& residual, const at::Tensor& x,
                               const LinearWeights& w, at::Tensor& product, const NormWeights& norm);

  // y [N, I] of x [N, I], each float32 or *; stats [2, N, 1] keeps 1/deviation and, for layer, the mean. `norm_again` brings y back from
  // them. dx += gradient through the norm; dy and `scratch` [N, I] are overwritten.
  void (*norm)(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
  void (*norm_again)(at::Tensor& y, const at::Tensor& stats, const at::Tensor& x, const NormWeights& w);
  void (*norm_backward)(at::Tensor& dx, at::Tensor& dy, const at::Tensor& x, const at::Tensor& stats, const NormWeights& w,
                        const NormGradients& gradients, at::Tensor& scratch);

  // x [N, I] = scale W[token], W float32 or bfloat16, tokens int64 [N]; dW[token] += scale dx but for the row `padding_index` (-1: none),
  // in one order on every run
  void (*embedding)(at::Tensor& x, const at::Tensor& weight, const at::Tensor& tokens, double scale);
  void (*embedding_backward)(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale,
                             int64_t padding_index);

  // out* = x* [B, H, T, D] turned by the angles, by the negative ones where sign is -1 (the backward); any strides with a dense last
  // dimension
  void (*rotate)(at::Tensor out, const at::Tensor& x, const Rotation& rotation, double sign);

  // Of one new position a row: turned_q* [B, H, 1, D] = q* turned, the cache gets k* turned and v*; turned_k* [B, K, 1, D] is scratch
  void (*rotate_token)(at::Tensor& turned_q, at::Tensor& turned_k, const CachePlace& place, const TokenHeads& heads,
                       const Rotation& rotation);

  // y* = f(x*); dx* = dy* f'(x*); y* = f(gate*) up*; gradients of both, where dy becomes y again
  void (*activate)(at::Tensor& y, const at::Tensor& x, Activation f);
  void (*activate_backward)(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f);
  void (*activate_gated)(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f);
  void (*activate_gated_backward)(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                                  Activation f);

  // x = cap tanh(x / cap) in place, `ratio` (or undefined) keeps tanh(x / cap); dy becomes dy (1 - ratio^2), ratio is used as scratch
  void (*softcap)(at::Tensor& x, double cap, at::Tensor ratio);
  void (*softcap_backward)(at::Tensor& dy, at::Tensor& ratio);

  // Causal attention: out* [B*T, H*D] of q* [B, H, T, D] and k*, v* [B, K, T, D]; its backward, dout* [B*T, H*D]; one new position a row,
  // q* [B, H, 1, D] over cached k*, v* [B, K, S, D], out* [B, H*D]. The softmax over scores* [B*K, G*T, T], which may be overwritten, and
  // dp -> dscores.
  void (*attention)(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule,
                    AttentionScratch& scratch);
  void (*attention_backward)(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q,
                             const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule, AttentionScratch& scratch);
  /// Bytes of the scratch that the two of them take.
  int64_t (*attention_bytes)(const AttentionShape& shape, const AttentionRule& rule);
  void (*attention_decode)(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span,
                           const AttentionRule& rule, AttentionScratch& scratch);
  at::Tensor (*causal_softmax)(at::Tensor& scores, const AttentionRule& rule, AttentionScratch& scratch);
  at::Tensor (*causal_softmax_backward)(at::Tensor& dp, const at::Tensor& p, const AttentionRule& rule, AttentionScratch& scratch);

  // logits* [N, vocabulary] become softmax - one-hot, 0 where the target (int64 [N]) is ignored; loss float64 [] = their summed loss.
  // Statistics of rows.
  void (*cross_entropy)(at::Tensor& logits, const at::Tensor& targets, at::Tensor& loss);
  // Rows whose logits stand at once, at most, in a pass that uses them up itself; 0: all
  int64_t loss_rows;
  TokenStats (*token_stats)(const at::Tensor& logits, const at::Tensor& targets);

  // A step of choosing ids (token_choice.h); false: not done, and nothing has changed. Null where nothing is better than the operators of
  // decode/device/
  bool (*choose_tokens)(const TokenChoice& choice);

  // The L2 norm of all elements, float64 [], which may lie in `scratch` until that is used again; whether a flat buffer is better asked for
  // as a whole than part by part; one update, of moments in float32 or in 8 bits
  at::Tensor (*norm_of)(const std::vector<at::Tensor>& tensors, Buffer& scratch);
  bool norms_whole_buffers;
  void (*adamw)(const AdamWUpdate& update);
  void (*adamw_8bit)(const AdamWUpdate& update);

  // Decoding `batch` rows of a cache that has been reset for them, a token at a time (decode/session.h)
  std::unique_ptr<DecodeSession> (*decode_session)(Decoder& decoder, KVCache& cache, int64_t batch);
};

}  // namespace hyperfit
