#pragma once
#include <ATen/core/Tensor.h>

#include "engine/parameters.h"

namespace hyperfit {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
};

/// Adam with decoupled weight decay over the flat buffers of a ParameterStore.
/// Source: Loshchilov and Hutter 2019; update rule of torch.optim.AdamW.
class AdamW {
 public:
  AdamW(ParameterStore& parameters, AdamWOptions options);

  /// Scales the gradients by `grad_scale`, clips their global L2 norm to `max_grad_norm` (0: no clipping), updates,
  /// and marks the gradients stale. Returns the norm after scaling and before clipping.
  /// Throws ERR_NOT_FINITE, having changed nothing, when the norm is not finite.
  double step(double learning_rate, double grad_scale, double max_grad_norm);

  int64_t step_count() const { return step_; }
  void set_step_count(int64_t step) { step_ = step; }
  at::Tensor exp_avg(const Parameter& parameter) const;     // [shape of the parameter]
  at::Tensor exp_avg_sq(const Parameter& parameter) const;  // [shape of the parameter]
  int64_t bytes() const;

 private:
  double gradient_norm() const;
  void step_by_kernel(double learning_rate, double grad_scale);
  void step_by_operators(double learning_rate, double grad_scale);
  ParameterStore& parameters_;
  AdamWOptions options_;
  int64_t step_ = 0;
  at::Tensor exp_avg_, exp_avg_sq_;  // [padded element count]
};

}  // namespace hyperfit
