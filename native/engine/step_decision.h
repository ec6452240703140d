#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "engine/step_numbers.h"
#include "engine/transfers.h"
#include "graph/repeated_work.h"
#include "ops/ops.h"

namespace hyperfit {

/// By what an update moves. On a device that decides by itself all of it is there, float32 [] each: `divisor` of the gradients in the place
/// of `grad_scale`, and `found_inf`, which says whether anything may change. Undefined elsewhere.
struct UpdateNumbers {
  double grad_scale = 1, learning_rate = 0;
  at::Tensor divisor{}, found_inf{}, device_learning_rate{}, device_step{};
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
  /// `beside`: what gradients are to be multiplied by beside the step's own scale, LoRA's alpha / rank.
  StepDecision(const Ops& ops, at::Device device, double beside = 1)
      : beside_(beside), device_(device), numbers_(ops), figures_(ops), scales_(ops), decisions_(device, "the decision of a step") {}

  /// The bits of what a device has to know of step number `step` (StepNumbers), for the host to bring over; `take` gets both.
  at::Tensor bits(const StepSettings& settings, int64_t step) const {
    return StepNumbers::bits(beside_ * settings.grad_scale, settings.learning_rate, step);
  }
  void take(const at::Tensor& there, const at::Tensor& bits) { numbers_.take(there, bits); }

  /// Brings these over by themselves, unless they are there.
  void require(const StepSettings& settings, int64_t step) {
    if (!device_.is_cpu()) numbers_.require(bits(settings, step), device_);
  }

  /// `queue_norm` queues the norm of the gradients before scaling, and gives it; `losses` are those of their passes, float64 [] each and on
  /// one device. `step` is the number of the update to come. `way` tells one `queue_norm` of a step from another. On the CPU throws as
  /// clip_coefficient; elsewhere only queues.
  void queue(const std::function<at::Tensor()>& queue_norm, const std::vector<at::Tensor>& losses, const StepSettings& settings,
             int64_t step, int64_t way = 0);
  /// For a device that decides several times in a step, of so many losses, whose numbers have come: once before all of that,
  void begin(const StepSettings& settings, size_t losses);
  /// and each time, of a norm that is there. It only queues.
  at::Tensor decide_on_device(const at::Tensor& norm, const std::vector<at::Tensor>& losses);
  /// False where it is known already that nothing may change: no update need be queued.
  bool may_update() const { return decided_ ? decided_->updated : true; }
  const UpdateNumbers& update() const { return update_; }
  /// Sends the figures to the host, so that `wait` does not wait for what is queued from now on.
  void send();
  /// What came of it. Throws as clip_coefficient.
  StepResult wait(const char* after = "The weights were not changed");

 private:
  void decide_on_host(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings);

  double beside_;
  at::Device device_;
  double max_grad_norm_ = 0;
  std::optional<StepResult> decided_;  // by the host
  UpdateNumbers update_;
  StepNumbers numbers_;
  at::Tensor sent_;    // float64 [figures] on the device
  Buffer figures_;     // of them
  Buffer scales_;      // float32: divisor, found_inf
  RepeatedWork decisions_;
  std::optional<Download> under_way_;
};

}  // namespace hyperfit
