#pragma once
#include "ops/cpu/attention/causal_attention.h"

namespace hyperfit::kernels {

// As causal_attention and causal_attention_backward of float32 or bfloat16, by multiply-adds of float32.
template <class T>
void lane_attention(const CausalAttention<T>& call, T* out);
template <class T>
void lane_attention_backward(const CausalAttention<T>& call, const T* dout, T* dq, T* dk, T* dv);

}  // namespace hyperfit::kernels
