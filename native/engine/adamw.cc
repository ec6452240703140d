#include "engine/adamw.h"

#include "engine/gradient_sum.h"

namespace hyperfit {
namespace {

std::vector<Parameter*> every(ParameterStore& store) {
  std::vector<Parameter*> parameters;
  for (Parameter& parameter : store.all()) parameters.push_back(&parameter);
  return parameters;
}

}  // namespace

AdamW::AdamW(ParameterStore& parameters, AdamWOptions options)
    : parameters_(parameters), adamw_(parameters.ops(), parameters.flat_values(), options), trained_(parameters, every(parameters)) {}

at::Tensor AdamW::queue_norm() {
  trained_.require_fresh_gradients();
  sum(parameters_.flat_gradients());
  std::vector<at::Tensor> gradients;
  for (const Parameter& parameter : parameters_.all()) gradients.push_back(parameter.gradient);
  return parameters_.ops().norm_of(gradients);
}

void AdamW::queue_update(double learning_rate, double grad_scale, double clip) {
  parameters_.write_values([&](const at::Tensor& rounded) {
    adamw_.update(parameters_.flat_values(), parameters_.flat_gradients(), rounded, learning_rate, grad_scale * clip);
  });
  parameters_.mark_gradients_stale();
}

double AdamW::step(double learning_rate, double grad_scale, double max_grad_norm) {
  const double norm = queue_norm().item<double>() * grad_scale;
  queue_update(learning_rate, grad_scale, clip_coefficient(norm, max_grad_norm));
  return norm;
}

at::Tensor AdamW::exp_avg(const Parameter& p) const {
  return adamw_.exp_avg().narrow(0, p.offset, p.value.numel()).view(p.shape);
}

at::Tensor AdamW::exp_avg_sq(const Parameter& p) const {
  return adamw_.exp_avg_sq().narrow(0, p.offset, p.value.numel()).view(p.shape);
}

}  // namespace hyperfit
