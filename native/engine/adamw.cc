#include "engine/adamw.h"

#include <ATen/ops/sqrt.h>

#include <bit>
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
      squares_(parameters.ops()),
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

namespace {

constexpr const char* kMovedInPart = "Weights above have moved by this step, those below have not: go on from a checkpoint";

}  // namespace

/// On the CPU it reads a loss and one norm a layer; elsewhere the device goes by the norm of all gradients so far, and nothing is read
/// before the end.
class AdamW::InBackward : public GradientConsumer {
 public:
  InBackward(AdamW& owner, const StepSettings& settings) : owner_(owner), settings_(settings) {
    if (is_on_host()) return;
    const at::Tensor numbers = owner_.squares_.view({2}, owner_.parameters_.flat_values().options().dtype(at::kDouble));
    device_squares_ = numbers.select(0, 0);
    device_norm_ = numbers.select(0, 1);
  }

  WorkKey key() const override { return {owner_.number_, std::bit_cast<int64_t>(settings_.max_grad_norm)}; }

  void begin(const at::Tensor& loss) override {
    losses_ = {loss};
    if (!is_on_host()) {
      device_squares_.zero_();
      return;
    }
    require_finite_loss(loss.item<double>());
    owner_.parameters_.begin_writing();
    owner_.adamw_.begin_update();
  }

  void consume(const std::vector<Parameter*>& parameters) override {
    has_moved_ = true;
    std::vector<at::Tensor> gradients;
    for (const Parameter* parameter : parameters) gradients.push_back(parameter->gradient);
    for (const at::Tensor& gradient : gradients) sum(gradient);
    const UpdateNumbers by = decide(owner_.parameters_.ops().norm_of(gradients, owner_.norm_));
    for (const Parameter* parameter : parameters) {
      const WritableParameter part = owner_.parameters_.writable(*parameter);
      owner_.adamw_.update_part(part.offset, part.values, part.gradients, part.rounded, by);
    }
  }

  bool has_moved() const { return has_moved_; }
  double norm() const { return std::sqrt(squares_); }  // on the CPU

 private:
  bool is_on_host() const { return owner_.parameters_.flat_values().is_cpu(); }

  UpdateNumbers decide(const at::Tensor& norm) {
    if (is_on_host()) {
      const double scaled = norm.item<double>() * settings_.grad_scale;
      clip_coefficient(scaled, /*max_grad_norm=*/0, kMovedInPart);
      squares_ += scaled * scaled;
      return {.grad_scale = settings_.grad_scale, .learning_rate = settings_.learning_rate};
    }
    device_squares_.addcmul_(norm, norm);
    at::sqrt_out(device_norm_, device_squares_);
    owner_.decision_.decide_on_device(device_norm_, losses_);
    return owner_.decision_.update();
  }

  AdamW& owner_;
  StepSettings settings_;
  double squares_ = 0;
  at::Tensor device_squares_, device_norm_;  // float64 []
  std::vector<at::Tensor> losses_;
  bool has_moved_ = false;
};

StepResult AdamW::step_in_backward(const StepSettings& settings, const std::function<at::Tensor(GradientConsumer&)>& pass) {
  if (!parameters_.flat_values().is_cpu()) return step_in_backward_on_device(settings, pass);
  InBackward within(*this, settings);
  const at::Tensor loss = pass(within);
  parameters_.end_writing();
  return {{loss.item<double>()}, within.norm(), true};
}

// What the host does comes before and after the pass, whose work may be a graph.
StepResult AdamW::step_in_backward_on_device(const StepSettings& settings, const std::function<at::Tensor(GradientConsumer&)>& pass) {
  decision_.require(settings, step_count() + 1);
  parameters_.require_values();
  decision_.begin(settings, /*losses=*/1);
  adamw_.begin_update();
  InBackward within(*this, settings);
  try {
    pass(within);
  } catch (...) {
    within.has_moved() ? parameters_.begin_writing() : adamw_.take_back_update();
    throw;
  }
  parameters_.note_writing();
  parameters_.end_writing();
  StepResult result = decision_.wait(kMovedInPart);
  if (!result.updated) adamw_.take_back_update();
  require_finite_loss(result.losses.front());
  return result;
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const Parameter& p : parameters_.all()) {
    const int64_t size = p.compute.numel();
    tensors.emplace_back("exp_avg." + p.name, adamw_.exp_avg().narrow(0, p.offset, size).view(p.shape));
    tensors.emplace_back("exp_avg_sq." + p.name, adamw_.exp_avg_sq().narrow(0, p.offset, size).view(p.shape));
    if (!adamw_.exp_avg_absmax().defined()) continue;
    const auto blocks = [&](const at::Tensor& absmax) {
      return absmax.narrow(0, p.offset / kMomentBlock, (size + kMomentBlock - 1) / kMomentBlock);
    };
    tensors.emplace_back("exp_avg_absmax." + p.name, blocks(adamw_.exp_avg_absmax()));
    tensors.emplace_back("exp_avg_sq_absmax." + p.name, blocks(adamw_.exp_avg_sq_absmax()));
  }
  return tensors;
}

}  // namespace hyperfit
