#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// Causal attention over whole sequences of T, float32 or bfloat16. q [B, H, T, D]; k, v [B, K, T, D], H a multiple of K; position t looks
/// at max(0, t + 1 - window) to t, window 0 for all up to t.
template <class T>
struct CausalAttention {
  const T *q, *k, *v;
  int64_t batch, heads, key_value_heads, length, size, window;
  float scale;
};

/// Whether this machine, as limited (instruction_set.h), has a kernel for it: AVX2 or newer.
bool has_causal_attention();

// Block by block of rows, so that scores and probabilities stay in cache and what lies beyond the diagonal is left out. Scores and sums are
// float32. A row's bits depend neither on what else is in the batch nor on threads; they are the same with AVX2 and AVX-512.

/// out [B*T, H*D] = softmax(scale q k^T) v.
void causal_attention(const CausalAttention<float>& call, float* out);
void causal_attention(const CausalAttention<c10::BFloat16>& call, c10::BFloat16* out);
/// dq [B, H, T, D] and dk, dv [B, K, T, D] from dout [B*T, H*D]; probabilities are computed again.
void causal_attention_backward(const CausalAttention<float>& call, const float* dout, float* dq, float* dk, float* dv);
void causal_attention_backward(const CausalAttention<c10::BFloat16>& call, const c10::BFloat16* dout, c10::BFloat16* dq, c10::BFloat16* dk,
                               c10::BFloat16* dv);

}  // namespace hyperfit::kernels
