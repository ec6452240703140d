#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// Causal attention over whole sequences in bfloat16. q [B, H, T, D]; k, v [B, K, T, D], H a multiple of K; position t looks
/// at max(0, t + 1 - window) to t, window 0 for all up to t. D even.
struct CausalAttention {
  const c10::BFloat16 *q, *k, *v;
  int64_t batch, heads, key_value_heads, length, size, window;
  float scale;
};

// Block by block of rows, so that scores and probabilities stay in cache and blocks beyond the diagonal are left out.
// Scores and sums are float32; products go by tiles where there are any. Only where has_bfloat16_products() (skinny_gemm/product.h).

/// out [B*T, H*D] = softmax(scale q k^T) v.
void causal_attention(const CausalAttention& call, c10::BFloat16* out);
/// dq [B, H, T, D] and dk, dv [B, K, T, D] from dout [B*T, H*D]; probabilities are computed again.
void causal_attention_backward(const CausalAttention& call, const c10::BFloat16* dout, c10::BFloat16* dq, c10::BFloat16* dk, c10::BFloat16* dv);

}  // namespace hyperfit::kernels
