#pragma once
#include "decode/device/growing_rows.h"
#include "engine/generation.h"

namespace hyperfit {

/// Which ids may not follow: those that would complete an n-gram that the row holds, ids that end a text while it is short of the minimum
/// length, and those that are suppressed. As `NoRepeatNgram` and `GenerationRow` have it, on the device.
class TokenBans {
 public:
  TokenBans(const GenerateOptions& options, const GrowingRows& rows);

  static bool reads_history(const GenerateOptions& options) { return options.no_repeat_ngram_size > 0; }
  bool any() const { return ngram_size_ > 0 || stop_mask_.defined() || suppressed_.defined(); }
  /// Takes what may not follow out of logits [B, V].
  void apply(at::Tensor& logits, const GrowingRows& rows);

 private:
  void mark_followers(const GrowingRows& rows);

  int64_t ngram_size_;
  bool counts_prompt_;
  int64_t min_new_tokens_;
  at::Tensor stop_mask_, suppressed_;  // bool [V]
  at::Tensor followers_;               // bool [B, V + 1]; the last column is for positions that are none
  at::Tensor places_;                  // int64 [C]: 0, 1, ...
};

}  // namespace hyperfit
