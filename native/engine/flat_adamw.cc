#include "engine/flat_adamw.h"

#include <string>

#include "engine/error.h"
#include "ops/dynamic_map.h"

namespace hyperfit {
FlatAdamW::FlatAdamW(const Ops& ops, const at::Tensor& values, AdamWOptions options)
    : ops_(ops), options_(options) {
  const at::TensorOptions of_moments = values.options().dtype(options.moments_in_8_bits ? at::kByte : at::kFloat);
  for (at::Tensor* moment : {&exp_avg_, &exp_avg_sq_}) *moment = ops.zeros(values.numel(), of_moments);
  if (!options.moments_in_8_bits) return;
  if (values.numel() % kMomentBlock != 0)
    throw Error("ERR_CONFIG", "expected whole blocks of " + std::to_string(kMomentBlock) + " weights for moments in 8 bits, got " +
                                  std::to_string(values.numel()) + " weights; keep moments in float32");
  exp_avg_.fill_(DynamicMap::of_signed().zero);  // also of the padding, which no checkpoint holds
  for (at::Tensor* absmax : {&exp_avg_absmax_, &exp_avg_sq_absmax_}) *absmax = ops.zeros(values.numel() / kMomentBlock, values.options());
}

void FlatAdamW::update(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, const UpdateNumbers& by) {
  begin_update();
  update_part(0, values, gradients, rounded, by);
}

void FlatAdamW::update_part(int64_t offset, const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded,
                            const UpdateNumbers& by) {
  const int64_t count = values.numel();
  const bool is_all = count == exp_avg_.numel();
  const auto part = [&](const at::Tensor& moment) { return is_all ? moment : moment.narrow(0, offset, count); };
  const auto blocks = [&](const at::Tensor& absmax) {
    return is_all || !absmax.defined() ? absmax : absmax.narrow(0, offset / kMomentBlock, count / kMomentBlock);
  };
  (options_.moments_in_8_bits ? ops_.adamw_8bit : ops_.adamw)({.values = values,
                                                               .exp_avg = part(exp_avg_),
                                                               .exp_avg_sq = part(exp_avg_sq_),
                                                               .exp_avg_absmax = blocks(exp_avg_absmax_),
                                                               .exp_avg_sq_absmax = blocks(exp_avg_sq_absmax_),
                                                               .gradients = gradients,
                                                               .rounded = rounded,
                                                               .step = step_,
                                                               .learning_rate = by.learning_rate,
                                                               .beta1 = options_.beta1,
                                                               .beta2 = options_.beta2,
                                                               .eps = options_.eps,
                                                               .weight_decay = options_.weight_decay,
                                                               .grad_scale = by.grad_scale,
                                                               .divisor = by.divisor,
                                                               .found_inf = by.found_inf,
                                                               .device_learning_rate = by.device_learning_rate,
                                                               .device_step = by.device_step});
}

}  // namespace hyperfit
