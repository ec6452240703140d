#pragma once
#include <ATen/core/Tensor.h>

#include "engine/transfers.h"

namespace hyperfit {

/// What an update is asked for, as AdamW::step has it.
struct StepSettings {
  double learning_rate = 0, grad_scale = 1, max_grad_norm = 0;
};

/// The numbers of a step that differ from one to the next, on a device: at addresses that stay, so that what reads them can be queued again
/// as it is.
class StepNumbers {
 public:
  explicit StepNumbers(const Ops& ops) : upload_(ops), exact_(ops), single_(ops) {}

  /// For the host: their bits, int64 [kCount], to be brought over with whatever else a step brings. `scale` is that of the gradients,
  /// `step` counts from 1.
  static at::Tensor bits(double scale, double learning_rate, int64_t step);
  static constexpr int64_t kCount = 3;

  /// They have come: the same bits on the device, and on the host.
  void take(const at::Tensor& there, const at::Tensor& bits);
  /// Brings them over by themselves, unless they are there.
  void require(const at::Tensor& bits, at::Device device);

  const at::Tensor& scale() const { return scale_; }                  // float64 []
  const at::Tensor& learning_rate() const { return learning_rate_; }  // float32 []
  const at::Tensor& step() const { return step_; }                    // float32 []

 private:
  Upload upload_;
  Buffer exact_;   // float64 [kCount]
  Buffer single_;  // float32 [kCount]
  at::Tensor scale_, learning_rate_, step_;
  std::vector<int64_t> there_;  // the bits of what stands there
};

}  // namespace hyperfit
