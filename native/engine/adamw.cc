#include "engine/adamw.h"

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

namespace hyperfit {

AdamW::AdamW(ParameterStore& parameters, AdamWOptions options) : parameters_(parameters), adamw_(parameters.flat_values(), options) {}

double AdamW::gradient_norm() const {
  std::vector<at::Tensor> norms;
  for (auto& parameter : parameters_.all()) norms.push_back(at::linalg_vector_norm(parameter.gradient));
  return at::stack(norms).to(at::kDouble).norm().item<double>();
}

double AdamW::step(double learning_rate, double grad_scale, double max_grad_norm) {
  require_fresh_gradients(parameters_);
  const double norm = gradient_norm() * grad_scale;
  const double clip = clip_coefficient(norm, max_grad_norm);
  const at::Tensor& values = parameters_.flat_values();
  // Asked for only when nothing can throw any more: from then on the rounded weights count as up to date.
  const at::Tensor rounded = FlatAdamW::by_kernel(values) ? parameters_.compute_to_write() : at::Tensor();
  adamw_.update(values, parameters_.flat_gradients(), rounded, learning_rate, grad_scale * clip);
  parameters_.mark_gradients_stale();
  return norm;
}

at::Tensor AdamW::exp_avg(const Parameter& p) const {
  return adamw_.exp_avg().narrow(0, p.offset, p.value.numel()).view(p.shape);
}

at::Tensor AdamW::exp_avg_sq(const Parameter& p) const {
  return adamw_.exp_avg_sq().narrow(0, p.offset, p.value.numel()).view(p.shape);
}

int64_t AdamW::bytes() const { return static_cast<int64_t>(adamw_.exp_avg().nbytes() + adamw_.exp_avg_sq().nbytes()); }

}  // namespace hyperfit
