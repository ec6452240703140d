#pragma once
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

namespace guard {

/// Runs any operator on the memory behind guarded tensors, by the CPU's kernel: equal to it to the bit.
/// - What CUDA refuses is refused: operands on two devices, all but numbers of no dimension on the CPU; generators of another device.
/// - What is written is written in place, so that views, `out=`, lists and fused updates hold; an empty `out=` is resized.
/// - New results lie on the device. Views have kernels of their own (operators.cc).
void run_behind(const c10::OperatorHandle& op, torch::jit::Stack& stack);

}  // namespace guard
