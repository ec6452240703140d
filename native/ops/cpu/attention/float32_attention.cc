// Causal attention in float32.
#include "ops/cpu/attention/attention_loops.h"
#include "ops/cpu/attention/lane_products.h"

namespace hyperfit::kernels {

template <>
bool has_causal_attention<float>() {
  return instruction_set() >= InstructionSet::avx2;
}
void causal_attention(const CausalAttention<float>& c, float* out) {
  forward<LaneProducts>(c, out);
}
void causal_attention_backward(const CausalAttention<float>& c, const float* dout, float* dq, float* dk, float* dv) {
  backward<LaneProducts>(c, dout, dq, dk, dv);
}

}  // namespace hyperfit::kernels
