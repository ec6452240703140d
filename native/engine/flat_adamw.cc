#include "engine/flat_adamw.h"

namespace hyperfit {
FlatAdamW::FlatAdamW(const Ops& ops, const at::Tensor& values, AdamWOptions options)
    : ops_(ops), options_(options), exp_avg_(ops.zeros(values.numel(), values.options())), exp_avg_sq_(ops.zeros(values.numel(), values.options())) {}

void FlatAdamW::update(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate, const GradientScale& grad_scale) {
  begin_update();
  update_part(0, values, gradients, rounded, learning_rate, grad_scale);
}

void FlatAdamW::update_part(int64_t offset, const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate,
                            const GradientScale& grad_scale) {
  const int64_t count = values.numel();
  const auto part = [&](const at::Tensor& moment) { return count == moment.numel() ? moment : moment.narrow(0, offset, count); };
  ops_.adamw({.values = values,
              .exp_avg = part(exp_avg_),
              .exp_avg_sq = part(exp_avg_sq_),
              .gradients = gradients,
              .rounded = rounded,
              .step = step_,
              .learning_rate = learning_rate,
              .beta1 = options_.beta1,
              .beta2 = options_.beta2,
              .eps = options_.eps,
              .weight_decay = options_.weight_decay,
              .grad_scale = grad_scale.factor,
              .divisor = grad_scale.divisor,
              .found_inf = grad_scale.found_inf});
}

}  // namespace hyperfit
