#include "engine/step_decision.h"

#include <ATen/ops/le.h>
#include <ATen/ops/mul.h>

#include <algorithm>
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
    throw Error("ERR_NOT_FINITE", "expected a gradient norm below " + std::to_string(kMostNorm) + ", whose square float32 holds, got " + std::to_string(norm) +
                                      "; lower the learning rate or clip with maxGradNorm. " + after);
  }
  return coefficient;
}

void require_finite_loss(double loss) {
  if (!std::isfinite(loss)) throw Error("ERR_NOT_FINITE", "expected a finite loss, got " + std::to_string(loss) + "; lower the learning rate. The weights were not changed");
}

void StepDecision::queue(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings) {
  max_grad_norm_ = settings.max_grad_norm;
  decided_.reset();
  under_way_.reset();
  if (norm.is_cpu()) {
    decide_on_host(norm, losses, settings);
  } else {
    decide_on_device(norm, losses, settings);
  }
}

void StepDecision::decide_on_host(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings) {
  StepResult result;
  for (const at::Tensor& loss : losses) result.losses.push_back(loss.item<double>());
  result.updated = all_finite(result.losses);
  result.norm = norm.item<double>() * settings.beside * settings.grad_scale;
  if (result.updated) scale_ = settings.beside * settings.grad_scale * clip_coefficient(result.norm, max_grad_norm_);
  decided_ = result;
}

// The host's arithmetic to the bit, a number a launch. A sum with 0 times x is not finite where x is not, and no comparison with NaN holds.
void StepDecision::decide_on_device(const at::Tensor& norm, const std::vector<at::Tensor>& losses, const StepSettings& settings) {
  const double scale = settings.beside * settings.grad_scale;
  const auto count = static_cast<int64_t>(losses.size());
  const at::Tensor figures = figures_.view({kLosses + count}, norm.options()), scales = scales_.view({2}, norm.options().dtype(at::kFloat));
  at::Tensor scaled = figures.select(0, kNorm), clip = figures.select(0, kClip), check = figures.select(0, kCheck), divisor = figures.select(0, kDivisor);
  at::mul_out(scaled, norm, scale);
  if (max_grad_norm_ > 0) {
    check.copy_(scaled).add_(1e-6);
    clip.fill_(max_grad_norm_).div_(check).clamp_max_(1);
  } else {
    clip.fill_(1);
  }
  at::mul_out(check, scaled, clip);
  for (int64_t index = 0; index < count; ++index) {
    figures.select(0, kLosses + index).copy_(losses[index]);
    check.add_(losses[index], /*alpha=*/0);
  }
  scale_ = {};
  scale_.divisor = scales.select(0, 0);
  scale_.found_inf = scales.select(0, 1);
  at::mul_out(divisor, clip, scale);
  scale_.divisor.copy_(divisor.reciprocal_());
  at::le_out(scale_.found_inf, check, kMostNorm);
  scale_.found_inf.logical_not_();
  sent_ = figures;
}

void StepDecision::send() {
  if (!decided_ && !under_way_) under_way_.emplace(std::vector<at::Tensor>{sent_});
}

GradientScale StepDecision::scale() const { return scale_; }

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
