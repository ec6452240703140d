#pragma once
#include <ATen/core/Tensor.h>

#include "decode/device/growing_rows.h"
#include "engine/generation.h"

namespace hyperfit {

/// What a step of choosing gave a row that got no id.
enum class NoToken : int64_t { stands = -1, all_banned = -2, not_finite = -3 };

/// What was chosen in some steps, on the host.
struct ChosenTokens {
  at::Tensor ids;                           // int64 [steps, B], or a NoToken
  at::Tensor log_probabilities, entropies;  // float32 [steps, B], or undefined where nobody asked
  at::Tensor interventions;                 // int64 [B], of all steps so far; undefined without a citation blocker
};

/// Keeps what is chosen on the device, so that the host reads many steps at once. The step that is written to is known to the device alone.
class ChoiceRecord {
 public:
  static constexpr int64_t kSteps = 32;
  ChoiceRecord(const GenerateOptions& options, const GrowingRows& rows);

  void begin() { step_.zero_(); }
  int64_t rows() const { return ids_.size(1); }
  const at::Tensor& step() const { return step_; }  // int64 [1]
  /// Parts of a step; `end_step` comes after the last of them.
  void put_ids(const at::Tensor& ids) { put(ids_, ids); }
  void put_figures(const at::Tensor& log_probabilities, const at::Tensor& entropies);
  void count_interventions(const at::Tensor& which) { interventions_.add_(which); }
  void end_step() { step_.add_(1); }
  /// Waits for the first `steps` steps since `begin`.
  ChosenTokens read(int64_t steps) const;

 private:
  void put(at::Tensor& column, const at::Tensor& values) { column.index_copy_(0, step_, values.unsqueeze(0)); }
  at::Tensor step_, ids_, log_probabilities_, entropies_, interventions_;
};

}  // namespace hyperfit
