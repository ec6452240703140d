#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {

at::Tensor norm_of(const std::vector<at::Tensor>& tensors, Buffer&) { return at::stack(at::_foreach_norm(tensors)).to(at::kDouble).norm(); }

void adamw(const AdamWUpdate& u) {
  // The operator divides by its scale as it reads the gradients: a multiplication would be a pass of its own.
  const auto given = [](const at::Tensor& tensor) { return tensor.defined() ? std::optional(tensor) : std::nullopt; };
  const at::Tensor step = u.device_step.defined() ? u.device_step : at::full({}, static_cast<double>(u.step), u.values.options());
  at::Tensor divisor = u.divisor;
  if (!divisor.defined() && u.grad_scale != 1.0) divisor = at::full({}, 1 / u.grad_scale, u.values.options());
  const auto update = [&](const auto& learning_rate) {
    at::_fused_adamw_({u.values}, {u.gradients}, {u.exp_avg}, {u.exp_avg_sq}, {}, {step}, learning_rate, u.beta1, u.beta2, u.weight_decay,
                      u.eps,
                      /*amsgrad=*/false, /*maximize=*/false, given(divisor), given(u.found_inf));
  };
  u.device_learning_rate.defined() ? update(u.device_learning_rate) : update(u.learning_rate);
  // The fused operator writes without raising the version by which others tell that values have changed.
  u.values.unsafeGetTensorImpl()->bump_version();
  at::Tensor rounded = u.rounded;
  if (rounded.defined()) rounded.copy_(u.values);
}

}  // namespace hyperfit::aten
