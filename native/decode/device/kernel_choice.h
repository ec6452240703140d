#pragma once
#include <memory>
#include <vector>

#include "decode/device/choice_record.h"
#include "decode/device/citation_table.h"

namespace hyperfit {

/// Chooses a step's tokens by kernels that do all of it, where the backend has them (`Ops::choose_tokens`).
class KernelChoice {
 public:
  static bool serves(const Ops& ops) { return ops.choose_tokens != nullptr; }
  explicit KernelChoice(const GrowingRows& rows);
  /// Other rows have taken the place of these, as GrowingRows::begin has it: what rules say of their prompts is written anew, where it
  /// stands.
  void begin(const GrowingRows& rows);
  /// As OperatorChoice, but that logits stay as they are, and that the record's step goes on only where `ends_step`. False: nothing was
  /// done.
  bool choose(const at::Tensor& logits, GrowingRows& rows, ChoiceRecord& record, const at::Tensor& uniform, bool ends_step);

 private:
  at::Tensor bias_, penalties_, suppressed_, rules_, draws_;  // as TokenChoice has them
  at::Tensor ngrams_begin_, citations_begin_;  // int64 [B, 1], of which rules have copies
  std::vector<std::shared_ptr<const CitationTable>> tables_;
  Buffer scratch_;
};

}  // namespace hyperfit
