#include <cmath>

#include "ops/cpu/adamw/adamw.h"
#include "ops/cpu/adamw/adamw_8bit.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {
namespace {

/// Without moments.
kernels::AdamWStep step_of(const AdamWUpdate& u) {
  const double correction1 = 1 - std::pow(u.beta1, u.step), correction2 = 1 - std::pow(u.beta2, u.step);
  return {.weights = u.values.data_ptr<float>(),
          .exp_avg = nullptr,
          .exp_avg_sq = nullptr,
          .gradients = u.gradients.data_ptr<float>(),
          .rounded = u.rounded.defined() ? u.rounded.data_ptr<c10::BFloat16>() : nullptr,
          .count = u.values.numel(),
          .beta1 = static_cast<float>(u.beta1),
          .beta2 = static_cast<float>(u.beta2),
          .eps = static_cast<float>(u.eps),
          .decay = static_cast<float>(1 - u.learning_rate * u.weight_decay),
          .step_size = static_cast<float>(u.learning_rate / correction1),
          .root_correction = static_cast<float>(std::sqrt(correction2)),
          .grad_scale = static_cast<float>(u.grad_scale)};
}

}  // namespace

void adamw(const AdamWUpdate& u) {
  kernels::AdamWStep step = step_of(u);
  step.exp_avg = u.exp_avg.data_ptr<float>();
  step.exp_avg_sq = u.exp_avg_sq.data_ptr<float>();
  kernels::adamw_step(step);
  u.values.unsafeGetTensorImpl()->bump_version();
}

void adamw_8bit(const AdamWUpdate& u) {
  kernels::adamw_8bit_step({.rest = step_of(u),
                            .exp_avg = u.exp_avg.data_ptr<uint8_t>(),
                            .exp_avg_sq = u.exp_avg_sq.data_ptr<uint8_t>(),
                            .exp_avg_absmax = u.exp_avg_absmax.data_ptr<float>(),
                            .exp_avg_sq_absmax = u.exp_avg_sq_absmax.data_ptr<float>()});
  u.values.unsafeGetTensorImpl()->bump_version();
}

}  // namespace hyperfit::cpu
