#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/flat_adamw.h"
#include "engine/gradient_consumer.h"
#include "engine/parameters.h"
#include "engine/trained_parameters.h"

namespace hyperfit {

/// AdamW over every parameter of a ParameterStore.
class AdamW {
 public:
  AdamW(ParameterStore& parameters, AdamWOptions options);

  /// Scales the gradients by `grad_scale`, clips their global L2 norm to `max_grad_norm` (0: no clipping), updates,
  /// and marks the gradients stale. `losses`, float64 [] each, are those of the passes that left the gradients: where one is not finite,
  /// nothing changes. On a device it returns when the norm is known, while the update still runs. Throws ERR_NOT_FINITE, having changed
  /// nothing, when the norm is not finite, and ERR_CONFIG without fresh gradients.
  StepResult step(const StepSettings& settings, const std::vector<at::Tensor>& losses = {});

  /// For a device: the bits of what it has to know of the step to come, int64 on the host; `take` gets them there too. Who does not brings
  /// them over by `step` itself, in a copy of its own.
  at::Tensor bits(const StepSettings& settings) const { return decision_.bits(settings, step_count() + 1); }
  void take(const at::Tensor& there, const at::Tensor& bits) { decision_.take(there, bits); }

  /// A step within a backward: `pass` hands the consumer it is given to one (Decoder::forward_backward), whose loss it gives, and every
  /// weight moves as soon as its gradient, times `grad_scale`, is whole. The bits are those of `step` without clipping. Returns the norm of
  /// all gradients after scaling, and the loss. Throws ERR_NOT_FINITE for a loss that is not finite, having changed nothing, and for
  /// gradients that are not: what lay above them has moved then.
  StepResult step_in_backward(const StepSettings& settings, const std::function<at::Tensor(GradientConsumer&)>& pass);

  int64_t step_count() const { return adamw_.step_count(); }
  void set_step_count(int64_t step) { adamw_.set_step_count(step); }
  /// What a checkpoint keeps: exp_avg.<name> and exp_avg_sq.<name>, of the parameter's shape; of moments in 8 bits also
  /// exp_avg_absmax.<name> and exp_avg_sq_absmax.<name>, of one number a block.
  std::vector<std::pair<std::string, at::Tensor>> state() const;

 private:
  class InBackward;
  // The two halves of a step that only queue work; between them it is decided.
  at::Tensor queue_norm();  // the L2 norm of all gradients of all processes, float64 [] on the device
  void queue_update();
  StepResult step_in_backward_on_device(const StepSettings& settings, const std::function<at::Tensor(GradientConsumer&)>& pass);

  ParameterStore& parameters_;
  FlatAdamW adamw_;
  Buffer norm_;
  Buffer squares_;  // float64, of a step within a backward: of all norms so far, and its root
  StepDecision decision_;
  RepeatedWork updates_;
  int64_t number_ = unique_number();
  TrainedParameters trained_;
};

}  // namespace hyperfit
