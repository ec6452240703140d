#include "engine/step_decision.h"

#include <ATen/ops/le.h>
#include <ATen/ops/mul.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "engine/error.h"

namespace hyperfit {
namespace {

constexpr double kMostNorm = 1e19;
constexpr int64_t kNorm = 0, kClip = 1, kCheck = 2, kDivisor = 3, kLosses = 4;  // places among the figures

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace

double clip_coefficient(double norm, double max_grad_norm, const char* after) {
  if (!std::isfinite(norm)) {
    throw Error("ERR_NOT_FINITE", "expected a finite gradient norm, got " + std::to_string(norm) +
                                      "; lower the learning rate or clip with maxGradNorm. " + after);
  }
  const double coefficient = max_grad_norm > 0 ? std::min(1.0, max_grad_norm / (norm + 1e-6)) : 1.0;
  // Its square would be infinite in the second moment, and the weight would never move again.
  if (norm * coefficient > kMostNorm) {
    throw Error("ERR_NOT_FINITE", "expected a gradient norm below " + std::to_string(kMostNorm) + ", whose square float32 holds, got " +
                                      std::to_string(norm) + "; lower the learning rate or clip with maxGradNorm. " + after);
  }
  return coefficient;
}

void require_finite_loss(double loss) {
  if (!std::isfinite(loss))
    throw Error("ERR_NOT_FINITE",
                "expected a finite loss, got " + std::to_string(loss) + "; lower the learning rate. The weights were not changed");
}

void StepDecision::begin(const StepSettings& settings, size_t losses) {
  max_grad_norm_ = settings.max_grad_norm;
  decided_.reset();
  under_way_.reset();
  update_ = {};
  update_.learning_rate = settings.learning_rate;
  if (device_.is_cpu()) return;
  const at::TensorOptions options = numbers_.scale().options();
  sent_ = figures_.view({kLosses + static_cast<int64_t>(losses)}, options);
  const at::Tensor scales = scales_.view({2}, options.dtype(at::kFloat));
  update_.divisor = scales.select(0, 0);
  update_.found_inf = scales.select(0, 1);
  update_.device_learning_rate = numbers_.learning_rate();
  update_.device_step = numbers_.step();
}

void StepDecision::queue(const std::function<at::Tensor()>& queue_norm, const std::vector<at::Tensor>& losses, const StepSettings& settings,
                         int64_t step, int64_t way) {
  require(settings, step);
  begin(settings, losses.size());
  if (device_.is_cpu()) return decide_on_host(queue_norm(), losses, settings);
  WorkKey key{way, std::bit_cast<int64_t>(max_grad_norm_)};
  for (const at::Tensor& loss : losses) key.push_back(reinterpret_cast<int64_t>(loss.const_data_ptr()));
  decisions_.queue(key, [&] { return decide_on_device(queue_norm(), losses); });
}

void StepDecision::decide_on_host(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings) {
  StepResult result;
  for (const at::Tensor& loss : losses) result.losses.push_back(loss.item<double>());
  result.updated = all_finite(result.losses);
  result.norm = norm.item<double>() * beside_ * settings.grad_scale;
  if (result.updated) update_.grad_scale = beside_ * settings.grad_scale * clip_coefficient(result.norm, max_grad_norm_);
  decided_ = result;
}

// The host's arithmetic to the bit, a number a launch. A sum with 0 times x is not finite where x is not, and no comparison with NaN holds.
at::Tensor StepDecision::decide_on_device(const at::Tensor& norm, const std::vector<at::Tensor>& losses) {
  at::Tensor scaled = sent_.select(0, kNorm), clip = sent_.select(0, kClip), check = sent_.select(0, kCheck),
             divisor = sent_.select(0, kDivisor);
  at::mul_out(scaled, norm, numbers_.scale());
  if (max_grad_norm_ > 0) {
    check.copy_(scaled).add_(1e-6);
    clip.fill_(max_grad_norm_).div_(check).clamp_max_(1);
  } else {
    clip.fill_(1);
  }
  at::mul_out(check, scaled, clip);
  for (size_t index = 0; index < losses.size(); ++index) {
    sent_.select(0, kLosses + static_cast<int64_t>(index)).copy_(losses[index]);
    check.add_(losses[index], /*alpha=*/0);
  }
  at::mul_out(divisor, clip, numbers_.scale());
  update_.divisor.copy_(divisor.reciprocal_());
  at::le_out(update_.found_inf, check, kMostNorm);
  update_.found_inf.logical_not_();
  return sent_;
}

void StepDecision::send() {
  if (!decided_ && !under_way_) under_way_.emplace(std::vector<at::Tensor>{sent_});
}

StepResult StepDecision::wait(const char* after) {
  if (decided_) return *decided_;
  send();
  const at::Tensor host = under_way_->wait().front();
  const double* figures = host.const_data_ptr<double>();
  StepResult result;
  result.losses.assign(figures + kLosses, figures + host.numel());
  result.norm = figures[kNorm];
  result.updated = all_finite(result.losses);
  if (result.updated) clip_coefficient(result.norm, max_grad_norm_, after);
  return result;
}

}  // namespace hyperfit
