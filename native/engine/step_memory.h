#pragma once
#include <ATen/core/Tensor.h>

#include "engine/model_config.h"
#include "engine/workspace.h"

namespace hyperfit {

/// B sequences of T tokens, of which a backward reaches down to layer `first_trained`.
struct StepShape {
  int64_t batch = 0, sequence = 0, first_trained = 0;
  Activations activations = Activations::kept;
};

/// Bytes of what a training step holds beside weights, gradients and moments: its workspace, what graphs keep for results of operators that
/// write into no memory of ours, and whether gradients of matrices need memory for their product first.
struct StepMemory {
  int64_t activations = 0, logits = 0, attention = 0, graphs = 0;
  bool sums_in_float32 = true;
};

/// What a step of that shape will take on `device`: the workspace itself, laid out without its memory. `compute_dtype` is that of the
/// products.
StepMemory step_memory(const ModelConfig& config, at::Device device, at::ScalarType compute_dtype, const StepShape& shape);

}  // namespace hyperfit
