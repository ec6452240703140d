#pragma once
#include "decode/device/growing_rows.h"
#include "engine/sampler.h"

namespace hyperfit {

/// One draw a row from what temperature, top-k, top-p and min-p leave, as `choose` (sampler.h) does it: the same candidates in the same
/// order, weights in float64, so the same id for the same uniform number but where that falls on the last bit of a sum.
class TokenDraw {
 public:
  /// Temperature above 0.
  TokenDraw(const SamplingOptions& options, const GrowingRows& rows);
  /// Ids, int64 [B], of logits [B, V] whose best are `best` (float32 [B]), by `uniform` (float64 [B], in [0, 1)). Of a row without candidates any id.
  at::Tensor choose(const at::Tensor& logits, const at::Tensor& best, const at::Tensor& uniform) const;

 private:
  at::Tensor weigh(const at::Tensor& logits, const at::Tensor& best) const;
  SamplingOptions options_;
  at::Tensor temperature_;  // float64 []: division by a number of the host is a multiplication on CUDA
  at::Tensor ranks_;        // int64 [V]: 0, 1, ...
};

}  // namespace hyperfit
