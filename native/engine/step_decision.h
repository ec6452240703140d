#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "engine/transfers.h"
#include "ops/ops.h"

namespace hyperfit {

/// What gradients are multiplied by in an update. On a device that decides by itself, `divisor` does all of it and `found_inf` says whether
/// anything may change; float32 [] both, or undefined.
struct GradientScale {
  GradientScale(double by = 1) : factor(by) {}
  double factor;
  at::Tensor divisor, found_inf;
};

/// What an update is asked for, as AdamW::step has it.
struct StepSettings {
  double learning_rate = 0, grad_scale = 1, max_grad_norm = 0;
  double beside = 1;  // what else the gradients are to be multiplied by: LoRA's alpha / rank
};

/// What a step found.
struct StepResult {
  std::vector<double> losses;  // summed, nats, of each pass that was asked about
  double norm = 0;             // of the gradients, after scaling and before clipping
  bool updated = false;        // false where a loss is not finite: nothing has changed
};

/// What gradients of the L2 norm `norm` are multiplied by so that it is at most `max_grad_norm` (0: no clipping), as
/// torch.nn.utils.clip_grad_norm_ has it. Throws ERR_NOT_FINITE for a norm that is not finite, or too large for its square to be float32.
/// `after` says what stands then.
double clip_coefficient(double norm, double max_grad_norm, const char* after = "The weights were not changed");

/// Throws ERR_NOT_FINITE for a loss that is not finite, of a step that has changed nothing for it.
void require_finite_loss(double loss);

/// By how much gradients are multiplied, and whether an update may be at all: decided on the device itself, so that the update is queued
/// before anybody has seen the norm, and skips itself where it would be bad. On the CPU, where there is nothing to wait for, the host
/// decides. Holds memory for one decision, kept from step to step.
class StepDecision {
 public:
  explicit StepDecision(const Ops& ops) : figures_(ops), scales_(ops) {}

  /// `norm` of the gradients before scaling, and the losses of their passes, float64 [] each and on one device. On the CPU throws as
  /// clip_coefficient; elsewhere only queues.
  void queue(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings);
  /// False where it is known already that nothing may change: no update need be queued.
  bool may_update() const { return decided_ ? decided_->updated : true; }
  GradientScale scale() const;
  /// Sends the figures to the host, so that `wait` does not wait for what is queued from now on.
  void send();
  /// What came of it. Throws as clip_coefficient.
  StepResult wait(const char* after = "The weights were not changed");

 private:
  void decide_on_host(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings);
  void decide_on_device(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings);

  double max_grad_norm_ = 0;
  std::optional<StepResult> decided_;  // by the host
  GradientScale scale_;
  at::Tensor sent_;    // float64 [figures] on the device
  Buffer figures_;     // of them
  Buffer scales_;      // float32: divisor, found_inf
  std::optional<Download> under_way_;
};

}  // namespace hyperfit
