#include "engine/flat_adamw.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/error.h"

namespace hyperfit {
namespace {

constexpr double kMostNorm = 1e19;

}  // namespace

double clip_coefficient(double norm, double max_grad_norm, const char* after) {
  if (!std::isfinite(norm)) {
    throw Error("ERR_NOT_FINITE", "expected a finite gradient norm, got " + std::to_string(norm) +
                                      "; lower the learning rate or clip with maxGradNorm. " + after);
  }
  const double coefficient = max_grad_norm > 0 ? std::min(1.0, max_grad_norm / (norm + 1e-6)) : 1.0;
  // Its square would be infinite in the second moment, and the weight would never move again.
  if (norm * coefficient > kMostNorm) {
    throw Error("ERR_NOT_FINITE", "expected a gradient norm below " + std::to_string(kMostNorm) + ", whose square float32 holds, got " + std::to_string(norm) +
                                      "; lower the learning rate or clip with maxGradNorm. " + after);
  }
  return coefficient;
}

FlatAdamW::FlatAdamW(const Ops& ops, const at::Tensor& values, AdamWOptions options)
    : ops_(ops), options_(options), exp_avg_(ops.zeros(values.numel(), values.options())), exp_avg_sq_(ops.zeros(values.numel(), values.options())) {}

void FlatAdamW::update(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate, double grad_scale) {
  begin_update();
  update_part(0, values, gradients, rounded, learning_rate, grad_scale);
}

void FlatAdamW::update_part(int64_t offset, const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate, double grad_scale) {
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
              .grad_scale = grad_scale});
}

}  // namespace hyperfit
