#include "engine/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include <cmath>

#include "engine/error.h"
#include "engine/huge_pages.h"
#include "kernels/adamw.h"
#include "kernels/enabled.h"

namespace hyperfit {

AdamW::AdamW(ParameterStore& parameters, AdamWOptions options)
    : parameters_(parameters),
      options_(options),
      exp_avg_(huge_zeros(parameters.flat_values().numel(), parameters.flat_values().options())),
      exp_avg_sq_(huge_zeros(parameters.flat_values().numel(), parameters.flat_values().options())) {}

double AdamW::gradient_norm() const {
  std::vector<at::Tensor> norms;
  for (auto& parameter : parameters_.all()) norms.push_back(at::linalg_vector_norm(parameter.gradient));
  return at::stack(norms).to(at::kDouble).norm().item<double>();
}

double AdamW::step(double learning_rate, double grad_scale, double max_grad_norm) {
  if (!parameters_.flat_gradients().defined() || parameters_.gradients_are_stale()) {
    throw Error("ERR_CONFIG", "expected gradients for `optimizer.step`, got none; call forwardBackward first");
  }
  const double norm = gradient_norm() * grad_scale;
  if (!std::isfinite(norm)) {
    throw Error("ERR_NOT_FINITE", "expected a finite gradient norm, got " + std::to_string(norm) +
                                      "; lower the learning rate or clip with maxGradNorm. The weights were not changed");
  }
  // As torch.nn.utils.clip_grad_norm_: the coefficient has 1e-6 in its denominator.
  const double clip = max_grad_norm > 0 ? std::min(1.0, max_grad_norm / (norm + 1e-6)) : 1.0;
  ++step_;
  if (kernels::takes(parameters_.flat_values())) {
    step_by_kernel(learning_rate, grad_scale * clip);
  } else {
    step_by_operators(learning_rate, grad_scale * clip);
  }
  parameters_.mark_gradients_stale();
  return norm;
}

void AdamW::step_by_kernel(double learning_rate, double grad_scale) {
  const double correction1 = 1 - std::pow(options_.beta1, step_), correction2 = 1 - std::pow(options_.beta2, step_);
  const at::Tensor& values = parameters_.flat_values();
  at::Tensor& rounded = parameters_.compute_to_write();
  kernels::AdamWStep call;
  call.weights = values.data_ptr<float>();
  call.exp_avg = exp_avg_.data_ptr<float>();
  call.exp_avg_sq = exp_avg_sq_.data_ptr<float>();
  call.gradients = parameters_.flat_gradients().data_ptr<float>();
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

void AdamW::step_by_operators(double learning_rate, double grad_scale) {
  at::Tensor gradients = parameters_.flat_gradients();
  if (grad_scale != 1.0) gradients.mul_(grad_scale);
  at::Tensor step = at::full({}, static_cast<double>(step_), gradients.options());
  at::_fused_adamw_({parameters_.flat_values()}, {gradients}, {exp_avg_}, {exp_avg_sq_}, {}, {step}, learning_rate,
                    options_.beta1, options_.beta2, options_.weight_decay, options_.eps, /*amsgrad=*/false,
                    /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/{});
}

at::Tensor AdamW::exp_avg(const Parameter& p) const {
  return exp_avg_.narrow(0, p.offset, p.value.numel()).view(p.shape);
}

at::Tensor AdamW::exp_avg_sq(const Parameter& p) const {
  return exp_avg_sq_.narrow(0, p.offset, p.value.numel()).view(p.shape);
}

int64_t AdamW::bytes() const { return static_cast<int64_t>(exp_avg_.nbytes() + exp_avg_sq_.nbytes()); }

}  // namespace hyperfit
