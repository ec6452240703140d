#include "ops/cpu/attention/causal_softmax.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/lane_functions.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;

template <class T>
struct Softmax {
  template <class L>
  [[gnu::always_inline]] static inline void run(T* x, int64_t count, float scale) {
    const float largest = largest_of<L>(x, count) * scale;
    L lanes = {};
    float total = 0;
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      const L e = exp(L::load(x + i) * scale - largest);
      lanes += e;
      e.store(x + i);
    }
    for (; i < count; ++i) {
      const float e = std::exp(static_cast<float>(x[i]) * scale - largest);
      total += e;
      x[i] = e;
    }
    const float factor = 1.0f / (total + sum(lanes));
    for (i = 0; i + kLanes <= count; i += kLanes) (L::load(x + i) * factor).store(x + i);
    for (; i < count; ++i) x[i] = static_cast<float>(x[i]) * factor;
  }
};

template <class T>
struct SoftmaxBackward {
  template <class L>
  [[gnu::always_inline]] static inline void run(T* dp, const T* p, int64_t count, float scale) {
    const float mean = dot<L>(dp, p, count);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) (L::load(p + i) * (L::load(dp + i) - mean) * scale).store(dp + i);
    for (; i < count; ++i) dp[i] = static_cast<float>(p[i]) * (static_cast<float>(dp[i]) - mean) * scale;
  }
};

// Calls body(row's offset, first column, columns) and clears what stands outside them.
template <class T, class Body>
void for_rows(T* values, const CausalRows& rows, Body body) {
  const int64_t length = rows.length, grain = std::max<int64_t>(1, kElementsPerTask / length);
  parallel_for(0, rows.matrices * length, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t t = row % length, first = rows.window > 0 ? std::max<int64_t>(0, t + 1 - rows.window) : 0;
      T* row_values = values + row * length;
      std::fill(row_values, row_values + first, T(0.0f));
      std::fill(row_values + t + 1, row_values + length, T(0.0f));
      body(row * length + first, t + 1 - first);
    }
  });
}

}  // namespace

template <class T>
void causal_softmax(T* scores, const CausalRows& rows, float scale) {
  for_rows(scores, rows, [&](int64_t offset, int64_t count) { dispatch<Softmax<T>>(scores + offset, count, scale); });
}

template <class T>
void causal_softmax_backward(T* dp, const T* p, const CausalRows& rows, float scale) {
  for_rows(dp, rows, [&](int64_t offset, int64_t count) { dispatch<SoftmaxBackward<T>>(dp + offset, p + offset, count, scale); });
}

template void causal_softmax(float*, const CausalRows&, float);
template void causal_softmax(c10::BFloat16*, const CausalRows&, float);
template void causal_softmax_backward(float*, const float*, const CausalRows&, float);
template void causal_softmax_backward(c10::BFloat16*, const c10::BFloat16*, const CausalRows&, float);

}  // namespace hyperfit::kernels
