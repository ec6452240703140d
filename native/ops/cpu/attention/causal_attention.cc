#include "ops/cpu/attention/causal_attention.h"

#include "ops/cpu/attention/attention_loops.h"
#include "ops/cpu/attention/lane_attention.h"
#include "ops/cpu/attention/pair_products.h"
#include "ops/cpu/attention/tile_products.h"
#include "ops/cpu/skinny_gemm/product.h"

namespace hyperfit::kernels {

using c10::BFloat16;

bool has_causal_attention() { return instruction_set() >= InstructionSet::avx2; }

void causal_attention(const CausalAttention<float>& c, float* out) { lane_attention(c, out); }
void causal_attention_backward(const CausalAttention<float>& c, const float* dout, float* dq, float* dk, float* dv) {
  lane_attention_backward(c, dout, dq, dk, dv);
}

// bfloat16 goes by tiles where there are any, by pairs where the processor multiplies them, else as float32.
#ifdef HYPERFIT_BF16_PRODUCT
namespace {

bool has_pairs(const CausalAttention<BFloat16>& c) { return has_bfloat16_products() && c.size % 2 == 0; }

}  // namespace

void causal_attention(const CausalAttention<BFloat16>& c, BFloat16* out) {
  if (!has_pairs(c)) return lane_attention(c, out);
  has_tiles() ? forward<TileProducts>(c, out) : forward<PairProducts>(c, out);
}
void causal_attention_backward(const CausalAttention<BFloat16>& c, const BFloat16* dout, BFloat16* dq, BFloat16* dk, BFloat16* dv) {
  if (!has_pairs(c)) return lane_attention_backward(c, dout, dq, dk, dv);
  has_tiles() ? backward<TileProducts>(c, dout, dq, dk, dv) : backward<PairProducts>(c, dout, dq, dk, dv);
}
#else
void causal_attention(const CausalAttention<BFloat16>& c, BFloat16* out) { lane_attention(c, out); }
void causal_attention_backward(const CausalAttention<BFloat16>& c, const BFloat16* dout, BFloat16* dq, BFloat16* dk, BFloat16* dv) {
  lane_attention_backward(c, dout, dq, dk, dv);
}
#endif

}  // namespace hyperfit::kernels
