#pragma once
#include <vector>

#include "decode/device/growing_rows.h"

namespace hyperfit {

/// Ids that would complete an n-gram that a row holds, as NoRepeatNgram has it, for the rows that ask for this n.
class NgramBans {
 public:
  NgramBans(int64_t size, const GrowingRows& rows);
  /// Takes them out of logits [B, V].
  void apply(at::Tensor& logits, const GrowingRows& rows);

 private:
  void mark_followers(const GrowingRows& rows);
  int64_t size_;
  at::Tensor beginnings_;  // int64 [B, 1]
  at::Tensor followers_;   // bool [B, V + 1]; the last column is for positions that are none
  at::Tensor places_;      // int64 [C]: 0, 1, ...
};

/// Which ids may not follow: those of n-grams, ids that end a text while it is short of the minimum length, and those that are suppressed.
class TokenBans {
 public:
  explicit TokenBans(const GrowingRows& rows);
  bool any() const { return !ngrams_.empty() || least_.defined() || suppressed_.defined(); }
  /// Takes what may not follow out of logits [B, V].
  void apply(at::Tensor& logits, const GrowingRows& rows);

 private:
  std::vector<NgramBans> ngrams_;  // one a size
  at::Tensor least_;               // int64 [B, 1]: tokens before which no id ends a row, or undefined
  at::Tensor suppressed_;          // bool [1 or B, V] or undefined
};

}  // namespace hyperfit
