#pragma once
#include "engine/model_config.h"
#include "ops/ops.h"

namespace hyperfit {

/// Causal attention of a model's layers, windowed and soft-capped as its config says, with the memory for it.
/// Shapes as in ops.h; `window` is the layer's, 0 for none.
class Attention {
 public:
  Attention(const ModelConfig& config, const Ops& ops) : ops_(ops), rule_{config.query_scale, config.attention_softcap, 0}, scratch_(ops) {}

  void forward(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t window) {
    ops_.attention(out, q, k, v, rule(window), scratch_);
  }
  void backward(at::Tensor& dq, at::Tensor& dk, at::Tensor& dv, const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                const at::Tensor& v, int64_t window) {
    ops_.attention_backward(dq, dk, dv, dout, q, k, v, rule(window), scratch_);
  }
  void decode(at::Tensor& out, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DecodeSpan& span) {
    ops_.attention_decode(out, q, k, v, span, rule(span.window), scratch_);
  }
  int64_t workspace_bytes() const { return scratch_.bytes(); }

 private:
  AttentionRule rule(int64_t window) const { return {rule_.scale, rule_.softcap, window}; }
  const Ops& ops_;
  AttentionRule rule_;
  AttentionScratch scratch_;
};

}  // namespace hyperfit
