#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/parameters.h"

namespace hyperfit {

/// Uses gradients up while a backward goes on, so that those of one layer at a time stand in memory.
class GradientConsumer {
 public:
  virtual ~GradientConsumer() = default;
  /// The summed loss, float64 [] on the device, before anything is consumed. Throws where nothing may follow.
  virtual void begin(const at::Tensor& loss) = 0;
  /// The gradients of these are whole, and nothing later in this backward reads their values.
  virtual void consume(const std::vector<Parameter*>& parameters) = 0;
};

}  // namespace hyperfit
