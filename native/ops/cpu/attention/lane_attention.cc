#include "ops/cpu/attention/lane_attention.h"

#include "ops/cpu/attention/attention_loops.h"
#include "ops/cpu/attention/lane_products.h"

namespace hyperfit::kernels {

template <class T>
void lane_attention(const CausalAttention<T>& c, T* out) {
  forward<LaneProducts<T>>(c, out);
}
template <class T>
void lane_attention_backward(const CausalAttention<T>& c, const T* dout, T* dq, T* dk, T* dv) {
  backward<LaneProducts<T>>(c, dout, dq, dk, dv);
}

#define HYPERFIT_LANE_ATTENTION(T)                             \
  template void lane_attention(const CausalAttention<T>&, T*); \
  template void lane_attention_backward(const CausalAttention<T>&, const T*, T*, T*, T*);
HYPERFIT_LANE_ATTENTION(float)
HYPERFIT_LANE_ATTENTION(c10::BFloat16)
#undef HYPERFIT_LANE_ATTENTION

}  // namespace hyperfit::kernels
