#include "engine/adamw.h"

#include <cmath>
#include <string>

#include "engine/error.h"
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
    : parameters_(parameters), adamw_(parameters.ops(), parameters.values_like(), options), trained_(parameters, every(parameters)) {}

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

/// Reads a loss and one norm a layer; on a card each is a wait.
class AdamW::InBackward : public GradientConsumer {
 public:
  InBackward(AdamW& owner, double learning_rate, double grad_scale) : owner_(owner), learning_rate_(learning_rate), grad_scale_(grad_scale) {}

  void begin(const at::Tensor& loss) override {
    const double value = loss.item<double>();
    if (!std::isfinite(value)) throw Error("ERR_NOT_FINITE", "expected a finite loss, got " + std::to_string(value) + "; lower the learning rate. The weights were not changed");
    owner_.parameters_.begin_writing();
    owner_.adamw_.begin_update();
  }

  void consume(const std::vector<Parameter*>& parameters) override {
    std::vector<at::Tensor> gradients;
    for (const Parameter* parameter : parameters) gradients.push_back(parameter->gradient);
    for (const at::Tensor& gradient : gradients) sum(gradient);
    const double norm = owner_.parameters_.ops().norm_of(gradients).item<double>() * grad_scale_;
    clip_coefficient(norm, /*max_grad_norm=*/0, "Weights above have moved by this step, those below have not: go on from a checkpoint");
    squares_ += norm * norm;
    for (const Parameter* parameter : parameters) {
      const WritableParameter part = owner_.parameters_.writable(*parameter);
      owner_.adamw_.update_part(part.offset, part.values, part.gradients, part.rounded, learning_rate_, grad_scale_);
    }
  }

  double norm() const { return std::sqrt(squares_); }

 private:
  AdamW& owner_;
  double learning_rate_, grad_scale_, squares_ = 0;
};

double AdamW::step_in_backward(double learning_rate, double grad_scale, const std::function<void(GradientConsumer&)>& pass) {
  InBackward within(*this, learning_rate, grad_scale);
  pass(within);
  parameters_.end_writing();
  return within.norm();
}

at::Tensor AdamW::exp_avg(const Parameter& p) const {
  return adamw_.exp_avg().narrow(0, p.offset, p.compute.numel()).view(p.shape);
}

at::Tensor AdamW::exp_avg_sq(const Parameter& p) const {
  return adamw_.exp_avg_sq().narrow(0, p.offset, p.compute.numel()).view(p.shape);
}

}  // namespace hyperfit
