#pragma once
#include <optional>
#include <vector>

#include "decode/device/choice_record.h"
#include "decode/device/citation_table.h"
#include "decode/device/token_bans.h"
#include "decode/device/token_draw.h"

namespace hyperfit {

/// Gives growing rows their tokens on the device: the order and the meaning of every option are those of GenerationRow::advance. Shapes and
/// addresses are the same at every step, and nothing is read by the host but the record.
class TokenChooser {
 public:
  /// All but a hook on logits, which is the host's.
  TokenChooser(const GenerateOptions& options, const GrowingRows& rows);
  static RowMemory memory_for(const GenerateOptions& options);

  /// Begins a row of up to ChoiceRecord::kSteps steps. `uniform`: a number of each row for each of them, [steps, B] in [0, 1); empty where
  /// nothing is drawn.
  void begin(const std::vector<double>& uniform);
  /// Queues one step, by logits [B, V], which are changed.
  void choose(at::Tensor logits, GrowingRows& rows);
  ChosenTokens read(int64_t steps) const { return record_.read(steps); }

 private:
  struct Best {
    at::Tensor scores, ids;  // float32, int64 [B]: the highest score, the lowest id on ties; NaN is above all
  };
  static Best best_of(const at::Tensor& logits);
  bool changes_scores() const { return bias_.defined() || penalty_.defined() || bans_.any(); }
  void change_scores(at::Tensor& logits, const GrowingRows& rows);
  void penalise(at::Tensor& logits, const at::Tensor& seen) const;
  void block_citations(at::Tensor& logits, const GrowingRows& rows, const Best& best);
  at::Tensor drawn(const at::Tensor& logits, const Best& best) const;

  bool token_stats_;
  at::Tensor bias_;     // float32 [V] or undefined
  at::Tensor penalty_;  // float32 [] or undefined: division by a number of the host is a multiplication on CUDA
  TokenBans bans_;
  std::optional<CitationBans> citations_;
  std::optional<TokenDraw> draw_;
  Upload upload_;
  at::Tensor uniform_;  // float64 [kSteps, B]
  ChoiceRecord record_;
};

}  // namespace hyperfit
