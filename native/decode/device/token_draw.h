#pragma once
#include "decode/device/growing_rows.h"

namespace hyperfit {

/// One draw a row from what temperature, top-k, top-p and min-p leave, as `choose` (sampler.h) does it: the same candidates in the same
/// order, weights in float64, so the same id for the same uniform number but where that falls on the last bit of a sum.
class TokenDraw {
 public:
  /// Rows of which one has a temperature above 0 at least.
  explicit TokenDraw(const GrowingRows& rows);
  /// Ids, int64 [B], of logits [B, V] whose best are `best` (float32 [B]) and `best_ids`, by `uniform` (float64 [B], in [0, 1)). Rows of
  /// temperature 0 get the best; a row without candidates any id.
  at::Tensor choose(const at::Tensor& logits, const at::Tensor& best, const at::Tensor& best_ids, const at::Tensor& uniform) const;

 private:
  at::Tensor weigh(const at::Tensor& logits, const at::Tensor& best) const;
  void drop_unlikely(at::Tensor& kept, const at::Tensor& weights, const at::Tensor& until) const;

  // [B, 1] each. Division by a number of the host is a multiplication on CUDA, so the temperature stands there too.
  at::Tensor greedy_;        // bool; undefined where all rows draw
  at::Tensor temperatures_;  // float64
  int64_t most_;             // the largest k of top-k, 0 for none
  at::Tensor last_, all_;    // int64, bool: the rank of the k-th score, and whether every score stays
  at::Tensor top_p_, min_p_; // float64, undefined where no row has it
  at::Tensor ranks_;         // int64 [V]: 0, 1, ...
};

}  // namespace hyperfit
