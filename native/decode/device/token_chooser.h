#pragma once
#include <optional>
#include <vector>

#include "decode/device/choice_record.h"
#include "decode/device/citation_table.h"
#include "decode/device/token_bans.h"
#include "decode/device/token_draw.h"

namespace hyperfit {

/// Gives growing rows their tokens on the device: the order and the meaning of every option are those of GenerationRow::advance, but for a hook on
/// logits, which is the host's. Shapes and addresses are the same at every step, and nothing is read by the host but the record.
class TokenChooser {
 public:
  /// Of up to so many steps before their record is read.
  TokenChooser(const GrowingRows& rows, int64_t most_steps);

  int64_t most_steps() const { return record_.most_steps(); }
  /// Begins a record. `uniform`: a number of each row for each step that comes, [steps, B] in [0, 1); empty where no row draws.
  void begin(const std::vector<double>& uniform);
  /// Queues one step, by logits [B, V], which are changed.
  void choose(at::Tensor logits, GrowingRows& rows);
  ChosenTokens read(int64_t steps) const { return record_.read(steps); }

 private:
  struct Best {
    at::Tensor scores, ids;  // float32, int64 [B]: the highest score, the lowest id on ties; NaN is above all
  };
  static Best best_of(const at::Tensor& logits);
  bool changes_scores() const { return bias_.defined() || penalties_.defined() || bans_.any(); }
  void change_scores(at::Tensor& logits, const GrowingRows& rows);
  void block_citations(CitationBans& citations, at::Tensor& logits, const GrowingRows& rows, const Best& best);
  at::Tensor drawn(const at::Tensor& logits, const Best& best) const;

  bool has_figures_;
  int64_t top_;
  at::Tensor bias_;       // float32 [1 or B, V] or undefined
  at::Tensor penalties_;  // float32 [B, 1] or undefined: division by a number of the host is a multiplication on CUDA
  TokenBans bans_;
  std::vector<CitationBans> citations_;  // one for rows that share it
  std::optional<TokenDraw> draw_;
  Upload upload_;
  at::Tensor uniform_;  // float64 [most_steps, B]
  ChoiceRecord record_;
};

}  // namespace hyperfit
