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
    : parameters_(parameters),
      adamw_(parameters.ops(), parameters.values_like(), options),
      norm_(parameters.ops()),
      decision_(parameters.ops(), parameters.flat_values().device()),
      updates_(parameters.flat_values().device(), "an update"),
      trained_(parameters, every(parameters)) {}

at::Tensor AdamW::queue_norm() {
  sum(parameters_.flat_gradients());
  if (parameters_.ops().norms_whole_buffers) return parameters_.ops().norm_of({parameters_.flat_gradients()}, norm_);
  std::vector<at::Tensor> gradients;
  for (const Parameter& parameter : parameters_.all()) gradients.push_back(parameter.gradient);
  return parameters_.ops().norm_of(gradients, norm_);
}

void AdamW::queue_update() {
  parameters_.write_values([&](const at::Tensor& rounded) {
    adamw_.begin_update();
    updates_.queue({}, [&] {
      adamw_.update_part(0, parameters_.flat_values(), parameters_.flat_gradients(), rounded, decision_.update());
      return at::Tensor();
    });
    parameters_.note_writing();
  });
}

StepResult AdamW::step(const StepSettings& settings, const std::vector<at::Tensor>& losses) {
  trained_.require_fresh_gradients();
  decision_.queue([this] { return queue_norm(); }, losses, settings, step_count() + 1);
  return finish_step(decision_, adamw_, parameters_, [this] { queue_update(); });
}

/// On the CPU it reads a loss and one norm a layer; elsewhere the device goes by the norm of all gradients so far, and nothing is read before the end.
class AdamW::InBackward : public GradientConsumer {
 public:
  InBackward(AdamW& owner, const StepSettings& settings) : owner_(owner), settings_(settings) {}

  void begin(const at::Tensor& loss) override {
    losses_ = {loss};
    if (loss.is_cpu()) require_finite_loss(loss.item<double>());
    owner_.parameters_.begin_writing();
    owner_.adamw_.begin_update();
  }

  void consume(const std::vector<Parameter*>& parameters) override {
    std::vector<at::Tensor> gradients;
    for (const Parameter* parameter : parameters) gradients.push_back(parameter->gradient);
    for (const at::Tensor& gradient : gradients) sum(gradient);
    const UpdateNumbers by = decide(owner_.parameters_.ops().norm_of(gradients, owner_.norm_));
    for (const Parameter* parameter : parameters) {
      const WritableParameter part = owner_.parameters_.writable(*parameter);
      owner_.adamw_.update_part(part.offset, part.values, part.gradients, part.rounded, by);
    }
  }

  StepResult result() {
    if (losses_[0].is_cpu()) return {{losses_[0].item<double>()}, std::sqrt(squares_), true};
    StepResult result = owner_.decision_.wait(kMovedInPart);
    if (!result.updated) owner_.adamw_.take_back_update();
    require_finite_loss(result.losses.front());
    return result;
  }

 private:
  static constexpr const char* kMovedInPart = "Weights above have moved by this step, those below have not: go on from a checkpoint";

  UpdateNumbers decide(const at::Tensor& norm) {
    if (norm.is_cpu()) {
      const double scaled = norm.item<double>() * settings_.grad_scale;
      clip_coefficient(scaled, /*max_grad_norm=*/0, kMovedInPart);
      squares_ += scaled * scaled;
      return {.grad_scale = settings_.grad_scale, .learning_rate = settings_.learning_rate};
    }
    device_squares_ = device_squares_.defined() ? device_squares_.addcmul_(norm, norm) : norm.mul(norm);
    owner_.decision_.queue_again(device_squares_.sqrt(), losses_, settings_);
    return owner_.decision_.update();
  }

  AdamW& owner_;
  StepSettings settings_;
  double squares_ = 0;
  at::Tensor device_squares_;  // float64 []
  std::vector<at::Tensor> losses_;
};

StepResult AdamW::step_in_backward(const StepSettings& settings, const std::function<void(GradientConsumer&)>& pass) {
  decision_.require(settings, step_count() + 1);
  InBackward within(*this, settings);
  pass(within);
  parameters_.end_writing();
  return within.result();
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const Parameter& p : parameters_.all()) {
    const int64_t size = p.compute.numel();
    tensors.emplace_back("exp_avg." + p.name, adamw_.exp_avg().narrow(0, p.offset, size).view(p.shape));
    tensors.emplace_back("exp_avg_sq." + p.name, adamw_.exp_avg_sq().narrow(0, p.offset, size).view(p.shape));
    if (!adamw_.exp_avg_absmax().defined()) continue;
    const auto blocks = [&](const at::Tensor& absmax) { return absmax.narrow(0, p.offset / kMomentBlock, (size + kMomentBlock - 1) / kMomentBlock); };
    tensors.emplace_back("exp_avg_absmax." + p.name, blocks(adamw_.exp_avg_absmax()));
    tensors.emplace_back("exp_avg_sq_absmax." + p.name, blocks(adamw_.exp_avg_sq_absmax()));
  }
  return tensors;
}

}  // namespace hyperfit
