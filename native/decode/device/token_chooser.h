#pragma once
#include <optional>
#include <vector>

#include "decode/device/choice_record.h"
#include "decode/device/kernel_choice.h"
#include "decode/device/operator_choice.h"

namespace hyperfit {

/// Gives growing rows their tokens on the device: the order and the meaning of every option are those of GenerationRow::advance, but for a
/// hook on logits, which is the host's. Shapes and addresses are the same at every step, and nothing is read by the host but the record.
class TokenChooser {
 public:
  /// Of up to so many steps before their record is read.
  TokenChooser(const GrowingRows& rows, int64_t most_steps);

  int64_t most_steps() const { return record_.most_steps(); }
  /// Other rows have taken the place of these (GrowingRows::begin).
  void begin(const GrowingRows& rows) {
    if (kernels_) kernels_->begin(rows);
  }
  /// Begins a record. `uniform`: a number of each row for each step that comes, [steps, B] in [0, 1); empty where no row draws.
  void begin(const std::vector<double>& uniform);
  /// Queues one step, by logits [B, V], which are changed.
  void choose(const at::Tensor& logits, GrowingRows& rows);
  ChosenTokens read(int64_t steps) const { return record_.read(steps); }

 private:
  at::Tensor choose_by_operators(const at::Tensor& logits, const BestTokens& best, GrowingRows& rows);

  bool has_figures_, draws_;
  int64_t top_;
  std::optional<KernelChoice> kernels_;
  std::optional<OperatorChoice> operators_;  // made when they are needed
  Upload upload_;
  at::Tensor uniform_;  // float64 [most_steps, B]
  ChoiceRecord record_;
};

}  // namespace hyperfit
