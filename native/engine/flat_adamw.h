#pragma once
#include "engine/parameters.h"
#include "engine/step_decision.h"

namespace hyperfit {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool moments_in_8_bits = false;  // 2 bytes a weight for both instead of 8
};

/// Adam with decoupled weight decay over one flat float32 buffer, whoever its values belong to.
/// Source: Loshchilov and Hutter 2019; update rule of torch.optim.AdamW. Moments in 8 bits: ops/dynamic_map.h.
class FlatAdamW {
 public:
  /// Moments of zero for `values` [n]; in 8 bits n is in whole blocks of kMomentBlock.
  FlatAdamW(const Ops& ops, const at::Tensor& values, AdamWOptions options);

  /// The next update of `values` from `gradients`, by these numbers; memory may keep the gradients scaled or not.
  /// `rounded`, unless undefined, gets the new values in bfloat16.
  void update(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, const UpdateNumbers& by);

  /// The same in parts, each once after `begin_update`: the values, gradients and rounded values [m] of those from `offset` on. In 8 bits
  /// both are multiples of kMomentBlock.
  void begin_update() { ++step_; }
  void update_part(int64_t offset, const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded,
                   const UpdateNumbers& by);
  /// The last update was skipped by the device.
  void take_back_update() { --step_; }

  int64_t step_count() const { return step_; }
  void set_step_count(int64_t step) { step_ = step; }
  const at::Tensor& exp_avg() const { return exp_avg_; }        // float32 or uint8 [n]
  const at::Tensor& exp_avg_sq() const { return exp_avg_sq_; }  // the same
  const at::Tensor& exp_avg_absmax() const { return exp_avg_absmax_; }        // float32 [n / kMomentBlock]; undefined unless in 8 bits
  const at::Tensor& exp_avg_sq_absmax() const { return exp_avg_sq_absmax_; }  // the same

 private:
  const Ops& ops_;
  AdamWOptions options_;
  int64_t step_ = 0;
  at::Tensor exp_avg_, exp_avg_sq_, exp_avg_absmax_, exp_avg_sq_absmax_;
};

/// The end of a step whose decision has been queued: `queue_update` unless nothing may change, and what came of it. Where the device
/// skipped the update, the step is not counted, and the gradients stay for whoever asks what is wrong with them.
template <class QueueUpdate>
StepResult finish_step(StepDecision& decision, FlatAdamW& adamw, ParameterStore& parameters, const QueueUpdate& queue_update) {
  if (!decision.may_update()) return decision.wait();
  decision.send();
  queue_update();
  try {
    const StepResult result = decision.wait();
    if (result.updated) {
      parameters.mark_gradients_stale();
    } else {
      adamw.take_back_update();
    }
    return result;
  } catch (...) {
    adamw.take_back_update();
    throw;
  }
}

}  // namespace hyperfit
