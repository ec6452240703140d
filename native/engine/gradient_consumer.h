#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/parameters.h"
#include "graph/repeated_work.h"

namespace hyperfit {

/// Uses gradients up while a backward goes on, so that those of one layer at a time stand in memory.
class GradientConsumer {
 public:
  virtual ~GradientConsumer() = default;
  /// What the work that it queues differs by from that of others, for as long as either may come again. On a device that queues its work,
  /// `begin` and `consume` may be recorded, and then are not called when a pass of the same key comes again: there they queue, and no more.
  virtual WorkKey key() const = 0;
  /// The summed loss, float64 [] on the device, before anything is consumed. Throws where nothing may follow.
  virtual void begin(const at::Tensor& loss) = 0;
  /// The gradients of these are whole, and nothing later in this backward reads their values.
  virtual void consume(const std::vector<Parameter*>& parameters) = 0;
};

}  // namespace hyperfit
