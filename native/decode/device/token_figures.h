#pragma once
#include "decode/device/growing_rows.h"

namespace hyperfit {

/// What scores say of themselves, as `choice_stats` (sampler.h): log-probabilities and entropies. Sums in float64.
class TokenFigures {
 public:
  /// Of logits [B, V] as the model gave them, whose best are `best` (float32 [B]).
  TokenFigures(const at::Tensor& logits, const at::Tensor& best);

  at::Tensor log_probabilities(const at::Tensor& ids) const;  // float32 [B], of ids int64 [B]
  at::Tensor entropies() const;                               // float32 [B], nats

 private:
  at::Tensor distances_;  // float64 [B, V]: score - best
  at::Tensor log_total_;  // float64 [B, 1], of exp(score - best)
};

}  // namespace hyperfit
