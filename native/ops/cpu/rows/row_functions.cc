#include "ops/cpu/rows/row_functions.h"

#include <algorithm>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/lane_functions.h"
#include "ops/cpu/lanes/round.h"

namespace hyperfit::kernels {
namespace {

template <class L>
[[gnu::always_inline]] inline L gelu(const L& x) {
  return 0.5f * x * (1.0f + erf(x * 0.70710678f));
}

struct Add {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* y, const float* x, int64_t count) {
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) (L::load(y + i) + L::load(x + i)).store(y + i);
    for (; i < count; ++i) y[i] += x[i];
  }
};

template <class Y>
struct Gelu {
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* y, const float* gate, const float* up, int64_t count) {
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      L value = gelu(L::load(gate + i));
      if (up) value = value * L::load(up + i);
      value.store(y + i);
    }
    L value = gelu(load_some<L>(gate + i, count - i));
    if (up) value = value * load_some<L>(up + i, count - i);
    store_some(y + i, value, count - i);
  }
};

struct Softcap {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* x, float cap, int64_t count) {
    softcap<L>(x, cap, count);
  }
};

struct BestOfBlocks {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* best, const float* scores, int64_t count, int64_t block) {
    for (int64_t start = 0; start < count; start += block) *best++ = largest_of<L>(scores + start, std::min(block, count - start));
  }
};

}  // namespace

template <class Y>
void round_row(Y* to, const float* from, int64_t count) {
  dispatch<Round<Y>>(to, from, count);
}

void add_row(float* y, const float* x, int64_t count) { dispatch<Add>(y, x, count); }

template <class Y>
void gelu_row(Y* y, const float* gate, const float* up, int64_t count) {
  dispatch<Gelu<Y>>(y, gate, up, count);
}

void softcap_row(float* x, float cap, int64_t count) { dispatch<Softcap>(x, cap, count); }

void best_of_blocks(float* best, const float* scores, int64_t count, int64_t block) { dispatch<BestOfBlocks>(best, scores, count, block); }

#define HYPERFIT_ROWS(Y)                              \
  template void round_row(Y*, const float*, int64_t); \
  template void gelu_row(Y*, const float*, const float*, int64_t);
HYPERFIT_ROWS(float)
HYPERFIT_ROWS(c10::BFloat16)
#undef HYPERFIT_ROWS

}  // namespace hyperfit::kernels
