#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

// The functions, as types: x sigmoid(x); GELU's tanh approximation; x sigmoid(1.702 x). GELU itself is not among them:
// libtorch's is faster than ours was.
struct Silu;
struct GeluTanh;
struct QuickGelu;

// Element by element, float32 or bfloat16 [count], float32 within. Each element is read before it is written, so results
// may stand where any of the inputs stood.

/// y = f(x).
template <class F, class T>
void activate(T* y, const T* x, int64_t count);
/// dx = dy f'(x).
template <class F, class T>
void activate_backward(T* dx, const T* dy, const T* x, int64_t count);
/// y = f(gate) up.
template <class F, class T>
void activate_gated(T* y, const T* gate, const T* up, int64_t count);
/// dgate = dy up f'(gate) and dup = dy f(gate); dy becomes y, for nothing: f(gate) is known here.
template <class F, class T>
void activate_gated_backward(T* dgate, T* dup, T* dy, const T* gate, const T* up, int64_t count);

/// y = f(gate) up on the calling thread, f(gate) where `up` is null. Y is float32 or bfloat16.
template <class F, class Y>
void activate_row(Y* y, const float* gate, const float* up, int64_t count);

}  // namespace hyperfit::kernels
