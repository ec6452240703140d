#include "kernels/decode_rows.h"

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/instruction_set.h"
#include "kernels/lane_functions.h"
#include "kernels/round.h"

namespace hyperfit::kernels {
namespace {

[[gnu::always_inline]] inline Lanes gelu(const Lanes& x) { return 0.5f * x * (1.0f + erf(x * 0.70710678f)); }

}  // namespace

template <class Y>
void round_row(Y* to, const float* from, int64_t count) {
  dispatch<Round<Y>>(to, from, count);
}

HYPERFIT_KERNEL
void add_row(float* y, const float* x, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, load(y + i) + load(x + i));
  for (; i < count; ++i) y[i] += x[i];
}

template <class Y>
HYPERFIT_KERNEL void gelu_row(Y* y, const float* gate, const float* up, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes value = gelu(load(gate + i));
    store(y + i, up ? value * load(up + i) : value);
  }
  const Lanes value = gelu(load_some(gate + i, count - i));
  store_some(y + i, up ? value * load_some(up + i, count - i) : value, count - i);
}

HYPERFIT_KERNEL
void softcap_row(float* x, float cap, int64_t count) { softcap(x, cap, count); }

HYPERFIT_KERNEL
void best_of_blocks(float* best, const float* scores, int64_t count, int64_t block) {
  for (int64_t start = 0; start < count; start += block) *best++ = largest_of(scores + start, std::min(block, count - start));
}

#define HYPERFIT_ROWS(Y)                              \
  template void round_row(Y*, const float*, int64_t); \
  template void gelu_row(Y*, const float*, const float*, int64_t);
HYPERFIT_ROWS(float)
HYPERFIT_ROWS(c10::BFloat16)
#undef HYPERFIT_ROWS

}  // namespace hyperfit::kernels
