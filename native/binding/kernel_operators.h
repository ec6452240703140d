#pragma once
#include <torch/library.h>

namespace hyperfit::binding {

/// Adds kernels that the engine calls with plain pointers to the operators that register_engine_operators() makes: few-row
/// products, attention of a decoding step, softmax and cross-entropy.
void define_kernel_operators(torch::Library& library);

}  // namespace hyperfit::binding
