#pragma once
#include <cstdint>

namespace hyperfit::kernels {

/// y = silu(gate) up, element by element, float32 [count].
void swiglu_forward(float* y, const float* gate, const float* up, int64_t count);
/// dgate and dup from dy; each element is read before it is written, so dup may be dy's own memory.
void swiglu_backward(float* dgate, float* dup, const float* dy, const float* gate, const float* up, int64_t count);

}  // namespace hyperfit::kernels
