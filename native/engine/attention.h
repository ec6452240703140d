#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <vector>

#include "engine/buffer.h"
#include "engine/model_config.h"
#include "kernels/causal_attention.h"
#include "kernels/causal_softmax.h"

namespace hyperfit {

/// The cached positions at which each row of a decoding step looks: first[b] .. last[b], both included.
struct DecodeSpan {
  DecodeSpan(const std::vector<int64_t>& positions, int64_t window);
  /// [B, 1, 1, S] with -inf where a row does not look; undefined when every row looks at all S positions.
  at::Tensor mask(int64_t cached, const at::TensorOptions& options) const;
  std::vector<int64_t> first, last;
};

/// Causal (optionally windowed, optionally soft-capped) attention with grouped keys and values, as batched products: the query heads that
/// share a key head are rows of one product, so keys are never expanded. Where a kernel of ours multiplies bfloat16, it does all of it at once.
/// Source: Vaswani et al. 2017; Ainslie et al. 2023 (GQA).
/// Shapes: B batch, H heads, K key/value heads, G = H / K, T positions, D head size.
class Attention {
 public:
  explicit Attention(const ModelConfig& config);

  /// out [B*T, H*D] from q [B, H, T, D], k and v [B, K, T, D]; `window` is the layer's, 0 for none.
  void forward(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t window);
  /// dq, dk, dv (shapes of q, k, v) from dout [B*T, H*D]; probabilities are computed again, which is cheaper than
  /// keeping B*H*T*T numbers a layer.
  void backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q,
                const at::Tensor& k, const at::Tensor& v, int64_t window);
  /// One new position a row: out [B, H*D] from q [B, H, 1, D] and cached k, v [B, K, S, D].
  void decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span);
  int64_t workspace_bytes() const;

 private:
  bool by_kernel(const at::Tensor& scores) const;
  bool by_whole_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;
  kernels::CausalAttention whole(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t window) const;
  at::Tensor score_gradients(at::Tensor& dp, const at::Tensor& p, const kernels::CausalRows& rows);
  at::Tensor probabilities(const at::Tensor& q, const at::Tensor& k, int64_t window);
  const at::Tensor& causal_mask(int64_t length, int64_t window, const at::TensorOptions& options);
  ModelConfig config_;
  std::map<int64_t, at::Tensor> masks_;  // by window: [T, T], 0 where attention is allowed and -inf elsewhere
  Buffer scores_, probabilities_, heads_, score_gradients_, score_ratios_;
};

}  // namespace hyperfit
