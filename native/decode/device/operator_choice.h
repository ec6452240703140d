#pragma once
#include <optional>
#include <vector>

#include "decode/device/choice_record.h"
#include "decode/device/citation_table.h"
#include "decode/device/token_bans.h"
#include "decode/device/token_draw.h"

namespace hyperfit {

/// The highest score of each row and the lowest id that has it, float32 and int64 [B]; NaN is above all.
struct BestTokens {
  static BestTokens of(const at::Tensor& logits);
  at::Tensor scores, ids;
};

/// Chooses a step's tokens by libtorch's operators over all rows.
class OperatorChoice {
 public:
  explicit OperatorChoice(const GrowingRows& rows);
  /// By logits [B, V], which are changed and whose best are `best`. Rows are appended to and their ids put into the record. Gives ids
  /// int64 [B], whatever they are where a row does not grow. `uniform`: float64 [steps, B], where some row draws.
  at::Tensor choose(at::Tensor logits, BestTokens best, GrowingRows& rows, ChoiceRecord& record, const at::Tensor& uniform);

 private:
  bool changes_scores() const { return bias_.defined() || penalties_.defined() || bans_.any(); }
  void change_scores(at::Tensor& logits, const GrowingRows& rows);
  static void penalise(at::Tensor& logits, const at::Tensor& penalties, const at::Tensor& seen);
  static void block_citations(CitationBans& citations, at::Tensor& logits, const GrowingRows& rows, const BestTokens& best,
                              ChoiceRecord& record);

  at::Tensor bias_;       // float32 [1 or B, V] or undefined
  at::Tensor penalties_;  // float32 [B, 1] or undefined: division by a number of the host is a multiplication on CUDA
  TokenBans bans_;
  std::vector<CitationBans> citations_;  // one for rows that share it
  std::optional<TokenDraw> draw_;
};

}  // namespace hyperfit
