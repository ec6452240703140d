#include "engine/flat_adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/error.h"
#include "engine/huge_pages.h"
#include "kernels/adamw.h"
#include "kernels/enabled.h"

namespace hyperfit {

void require_fresh_gradients(const ParameterStore& parameters) {
  if (parameters.flat_gradients().defined() && !parameters.gradients_are_stale()) return;
  throw Error("ERR_CONFIG", "expected gradients for `optimizer.step`, got none; call forwardBackward first");
}

double clip_coefficient(double norm, double max_grad_norm) {
  if (!std::isfinite(norm)) {
    throw Error("ERR_NOT_FINITE", "expected a finite gradient norm, got " + std::to_string(norm) +
                                      "; lower the learning rate or clip with maxGradNorm. The weights were not changed");
  }
  return max_grad_norm > 0 ? std::min(1.0, max_grad_norm / (norm + 1e-6)) : 1.0;
}

FlatAdamW::FlatAdamW(const at::Tensor& values, AdamWOptions options)
    : options_(options), exp_avg_(huge_zeros(values.numel(), values.options())), exp_avg_sq_(huge_zeros(values.numel(), values.options())) {}

bool FlatAdamW::by_kernel(const at::Tensor& values) { return kernels::takes(values); }

void FlatAdamW::update(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate,
                       double grad_scale) {
  ++step_;
  if (by_kernel(values)) {
    update_by_kernel(values, gradients, rounded, learning_rate, grad_scale);
  } else {
    update_by_operators(values, gradients, learning_rate, grad_scale);
  }
}

void FlatAdamW::update_by_kernel(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& rounded, double learning_rate,
                                 double grad_scale) {
  const double correction1 = 1 - std::pow(options_.beta1, step_), correction2 = 1 - std::pow(options_.beta2, step_);
  kernels::AdamWStep call;
  call.weights = values.data_ptr<float>();
  call.exp_avg = exp_avg_.data_ptr<float>();
  call.exp_avg_sq = exp_avg_sq_.data_ptr<float>();
  call.gradients = gradients.data_ptr<float>();
  call.rounded = rounded.defined() ? rounded.data_ptr<c10::BFloat16>() : nullptr;
  call.count = values.numel();
  call.beta1 = static_cast<float>(options_.beta1);
  call.beta2 = static_cast<float>(options_.beta2);
  call.eps = static_cast<float>(options_.eps);
  call.decay = static_cast<float>(1 - learning_rate * options_.weight_decay);
  call.step_size = static_cast<float>(learning_rate / correction1);
  call.root_correction = static_cast<float>(std::sqrt(correction2));
  call.grad_scale = static_cast<float>(grad_scale);
  kernels::adamw_step(call);
}

void FlatAdamW::update_by_operators(at::Tensor values, at::Tensor gradients, double learning_rate, double grad_scale) {
  if (grad_scale != 1.0) gradients.mul_(grad_scale);
  at::Tensor step = at::full({}, static_cast<double>(step_), gradients.options());
  at::_fused_adamw_({values}, {gradients}, {exp_avg_}, {exp_avg_sq_}, {}, {step}, learning_rate, options_.beta1, options_.beta2,
                    options_.weight_decay, options_.eps, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/{});
  // The fused operator writes without raising the version by which weights that are kept rounded are known to be stale.
  values.unsafeGetTensorImpl()->bump_version();
}

}  // namespace hyperfit
