#pragma once
#include "decode/device/growing_rows.h"

namespace hyperfit {

/// What scores say of themselves, as `choice_stats` and `append_top_choices` (sampler.h): log-probabilities, entropies, the likeliest ids.
/// Sums in float64.
class TokenFigures {
 public:
  /// Whether some row has asked, and for how many of the likeliest ids at most.
  static bool are_asked(const GrowingRows& rows);
  static int64_t most_asked(const GrowingRows& rows);
  /// Of logits [B, V] as the model gave them, whose best are `best` (float32 [B]); with the `most` likeliest ids.
  TokenFigures(const at::Tensor& logits, const at::Tensor& best, int64_t most);

  at::Tensor log_probabilities(const at::Tensor& ids) const;  // float32 [B], of ids int64 [B]
  at::Tensor entropies() const;                               // float32 [B], nats
  const at::Tensor& top_ids() const { return top_ids_; }      // int64 [B, most], the lowest first on ties
  at::Tensor top_log_probabilities() const;                   // float32 [B, most]

 private:
  at::Tensor distances_;  // float64 [B, V]: score - best
  at::Tensor log_total_;  // float64 [B, 1], of exp(score - best)
  at::Tensor top_ids_;
};

}  // namespace hyperfit
