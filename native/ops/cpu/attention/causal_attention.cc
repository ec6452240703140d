// Causal attention in bfloat16, by tiles where there are any, else by pairs.
#include "ops/cpu/attention/causal_attention.h"

#include "ops/cpu/attention/attention_loops.h"
#include "ops/cpu/attention/pair_products.h"
#include "ops/cpu/attention/tile_products.h"
#include "ops/cpu/skinny_gemm/product.h"

namespace hyperfit::kernels {

using c10::BFloat16;

template <>
bool has_causal_attention<BFloat16>() {
  return has_bfloat16_products();
}

#ifdef HYPERFIT_BF16_PRODUCT
void causal_attention(const CausalAttention<BFloat16>& c, BFloat16* out) {
  has_tiles() ? forward<TileProducts>(c, out) : forward<PairProducts>(c, out);
}
void causal_attention_backward(const CausalAttention<BFloat16>& c, const BFloat16* dout, BFloat16* dq, BFloat16* dk, BFloat16* dv) {
  has_tiles() ? backward<TileProducts>(c, dout, dq, dk, dv) : backward<PairProducts>(c, dout, dq, dk, dv);
}
#else
void causal_attention(const CausalAttention<BFloat16>&, BFloat16*) {}
void causal_attention_backward(const CausalAttention<BFloat16>&, const BFloat16*, BFloat16*, BFloat16*, BFloat16*) {}
#endif

}  // namespace hyperfit::kernels
