#pragma once
#include "engine/parameters.h"

namespace hyperfit {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
};

/// What gradients of the L2 norm `norm` are multiplied by so that it is at most `max_grad_norm` (0: no clipping), as
/// torch.nn.utils.clip_grad_norm_ has it. Throws ERR_NOT_FINITE for a norm that is not finite.
/// `after` says what stands then.
double clip_coefficient(double norm, double max_grad_norm, const char* after = "The weights were not changed");

/// Adam with decoupled weight decay over one flat float32 buffer, whoever its values belong to.
/// Source: Loshchilov and Hutter 2019; update rule of torch.optim.AdamW.
class FlatAdamW {
 public:
  /// Moments of zero for `values` [n].
  FlatAdamW(const Ops& ops, const at::Tensor& values, AdamWOptions options);

  /// The next update of `values` from `gradients` times `grad_scale`; memory may keep the gradients scaled or not.
  /// `rounded`, unless undefined, gets the new values in bfloat16.
  void update(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate, double grad_scale);

  /// The same in parts, each once after `begin_update`: the values, gradients and rounded values [m] of those from `offset` on.
  void begin_update() { ++step_; }
  void update_part(int64_t offset, const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate, double grad_scale);

  int64_t step_count() const { return step_; }
  void set_step_count(int64_t step) { step_ = step; }
  const at::Tensor& exp_avg() const { return exp_avg_; }        // [n]
  const at::Tensor& exp_avg_sq() const { return exp_avg_sq_; }  // [n]

 private:
  const Ops& ops_;
  AdamWOptions options_;
  int64_t step_ = 0;
  at::Tensor exp_avg_, exp_avg_sq_;
};

}  // namespace hyperfit
