#include <cmath>

#include "ops/cpu/adamw/adamw.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {

void adamw(const AdamWUpdate& u) {
  const double correction1 = 1 - std::pow(u.beta1, u.step), correction2 = 1 - std::pow(u.beta2, u.step);
  kernels::adamw_step({.weights = u.values.data_ptr<float>(),
                       .exp_avg = u.exp_avg.data_ptr<float>(),
                       .exp_avg_sq = u.exp_avg_sq.data_ptr<float>(),
                       .gradients = u.gradients.data_ptr<float>(),
                       .rounded = u.rounded.defined() ? u.rounded.data_ptr<c10::BFloat16>() : nullptr,
                       .count = u.values.numel(),
                       .beta1 = static_cast<float>(u.beta1),
                       .beta2 = static_cast<float>(u.beta2),
                       .eps = static_cast<float>(u.eps),
                       .decay = static_cast<float>(1 - u.learning_rate * u.weight_decay),
                       .step_size = static_cast<float>(u.learning_rate / correction1),
                       .root_correction = static_cast<float>(std::sqrt(correction2)),
                       .grad_scale = static_cast<float>(u.grad_scale)});
  u.values.unsafeGetTensorImpl()->bump_version();
}

}  // namespace hyperfit::cpu
