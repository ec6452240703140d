#pragma once
#include <ATen/core/Tensor.h>

#include "decode/device/growing_rows.h"
#include "engine/generation_row.h"

namespace hyperfit {

/// What a step of choosing gave a row that got no id.
enum class NoToken : int64_t { stands = -1, all_banned = -2, not_finite = -3 };

/// What was chosen in some steps, on the host.
struct ChosenTokens {
  at::Tensor ids;                           // int64 [steps, B], or a NoToken
  at::Tensor log_probabilities, entropies;  // float32 [steps, B], or undefined where nobody asked
  at::Tensor top_ids, top_log_probabilities;  // int64, float32 [steps, B, most], or undefined
  at::Tensor interventions;                 // int64 [B], since `begin`; undefined without a citation blocker

  /// Gives `row`, which is the `index`th of the rows, what was chosen for it in a step. Throws ERR_NOT_FINITE.
  void hand_to(GenerationRow& row, int64_t step, int64_t index) const;
  void count_interventions(GenerationRow& row, int64_t index) const {
    if (interventions.defined()) row.add_interventions(interventions.const_data_ptr<int64_t>()[index]);
  }
  bool gave(int64_t step, int64_t index) const { return ids.const_data_ptr<int64_t>()[step * ids.size(1) + index] >= 0; }
};

/// Keeps what is chosen on the device, so that the host reads many steps at once. The step that is written to is known to the device alone.
class ChoiceRecord {
 public:
  /// Of up to so many steps.
  ChoiceRecord(const GrowingRows& rows, int64_t most_steps);

  void begin();
  int64_t most_steps() const { return ids_.size(0); }
  int64_t rows() const { return ids_.size(1); }
  at::Tensor step() const { return steps_.narrow(0, 0, 1); }  // int64 [1]
  /// What a kernel writes to in the place of the `put`s: ids int64 [most steps, B]; the step, for each row by itself, int64 [B]; counts [B]
  /// or undefined.
  const at::Tensor& ids() const { return ids_; }
  const at::Tensor& steps() const { return steps_; }
  const at::Tensor& interventions() const { return interventions_; }
  /// Parts of a step; `end_step` comes after the last of them.
  void put_ids(const at::Tensor& ids) { put(ids_, ids); }
  void put_figures(const at::Tensor& log_probabilities, const at::Tensor& entropies);
  void put_top(const at::Tensor& ids, const at::Tensor& log_probabilities);
  void count_interventions(const at::Tensor& which) { interventions_.add_(which); }
  void end_step() { steps_.add_(1); }
  /// Waits for the first `steps` steps since `begin`.
  ChosenTokens read(int64_t steps) const;

 private:
  void put(at::Tensor& column, const at::Tensor& values) { column.index_copy_(0, step(), values.unsqueeze(0)); }
  at::Tensor steps_, ids_, log_probabilities_, entropies_, top_ids_, top_log_probabilities_, interventions_;
};

}  // namespace hyperfit
