#pragma once
#include <torch/library.h>

namespace meta {

/// Runs an operator that libtorch has no meta kernel for: on zeros of the same sizes on the CPU, which checks the call and says what sizes
/// its results have. Gives back the arguments it would have written to, or new meta tensors.
void run_on_zeros(const c10::OperatorHandle& op, torch::jit::Stack* stack);

}  // namespace meta
