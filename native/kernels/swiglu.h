#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// y = silu(gate) up, element by element, float32 or bfloat16 [count].
template <class T>
void swiglu_forward(T* y, const T* gate, const T* up, int64_t count);
/// dgate and dup from dy; each element is read before it is written, so dup may be dy's own memory.
template <class T>
void swiglu_backward(T* dgate, T* dup, const T* dy, const T* gate, const T* up, int64_t count);

}  // namespace hyperfit::kernels
