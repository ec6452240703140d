#include "engine/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "engine/error.h"

namespace hyperfit {

AdamW::AdamW(ParameterStore& parameters, AdamWOptions options)
    : parameters_(parameters),
      options_(options),
      exp_avg_(at::zeros_like(parameters.flat_values())),
      exp_avg_sq_(at::zeros_like(parameters.flat_values())) {}

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
  at::Tensor gradients = parameters_.flat_gradients();
  if (grad_scale * clip != 1.0) gradients.mul_(grad_scale * clip);

  ++step_;
  at::Tensor step = at::full({}, static_cast<double>(step_), gradients.options());
  at::_fused_adamw_({parameters_.flat_values()}, {gradients}, {exp_avg_}, {exp_avg_sq_}, {}, {step}, learning_rate,
                    options_.beta1, options_.beta2, options_.weight_decay, options_.eps, /*amsgrad=*/false,
                    /*maximize=*/false, /*grad_scale=*/{}, /*found_inf=*/{});
  parameters_.mark_gradients_stale();
  return norm;
}

at::Tensor AdamW::exp_avg(const Parameter& p) const {
  return exp_avg_.narrow(0, p.offset, p.value.numel()).view(p.shape);
}

at::Tensor AdamW::exp_avg_sq(const Parameter& p) const {
  return exp_avg_sq_.narrow(0, p.offset, p.value.numel()).view(p.shape);
}

int64_t AdamW::bytes() const { return static_cast<int64_t>(exp_avg_.nbytes() + exp_avg_sq_.nbytes()); }

}  // namespace hyperfit
