#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {

at::Tensor norm_of(const std::vector<at::Tensor>& tensors) { return at::stack(at::_foreach_norm(tensors)).to(at::kDouble).norm(); }

void adamw(const AdamWUpdate& u) {
  at::Tensor gradients = u.gradients;
  if (u.grad_scale != 1.0) gradients.mul_(u.grad_scale);
  const at::Tensor step = at::full({}, static_cast<double>(u.step), u.values.options());
  at::_fused_adamw_({u.values}, {gradients}, {u.exp_avg}, {u.exp_avg_sq}, {}, {step}, u.learning_rate, u.beta1, u.beta2, u.weight_decay, u.eps,
                    /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/{});
  // The fused operator writes without raising the version by which others tell that values have changed.
  u.values.unsafeGetTensorImpl()->bump_version();
  at::Tensor rounded = u.rounded;
  if (rounded.defined()) rounded.copy_(u.values);
}

}  // namespace hyperfit::aten
