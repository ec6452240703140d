#include "kernels/decode_rows.h"

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/lane_functions.h"

namespace hyperfit::kernels {
namespace {

constexpr float kQuickSlope = 1.702f;

struct Silu {
  [[gnu::always_inline]] static inline Lanes of(const Lanes& x) { return x * sigmoid(x); }
};
struct Gelu {
  [[gnu::always_inline]] static inline Lanes of(const Lanes& x) { return 0.5f * x * (1.0f + erf(x * 0.70710678f)); }
};
// (1 + tanh(u)) / 2 = sigmoid(2 u).
struct GeluTanh {
  [[gnu::always_inline]] static inline Lanes of(const Lanes& x) { return x * sigmoid(1.59576912f * (x + 0.044715f * (x * x * x))); }
};
struct QuickGelu {
  [[gnu::always_inline]] static inline Lanes of(const Lanes& x) { return x * sigmoid(kQuickSlope * x); }
};

template <class F, class Y>
[[gnu::always_inline]] inline void activate(Y* y, const float* gate, const float* up, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes value = F::of(load(gate + i));
    store(y + i, up ? value * load(up + i) : value);
  }
  const Lanes value = F::of(load_some(gate + i, count - i));
  store_some(y + i, up ? value * load_some(up + i, count - i) : value, count - i);
}

}  // namespace

template <class Y>
HYPERFIT_KERNEL void layer_norm_row(Y* y, const float* x, const float* weight, const float* bias, float eps, int64_t size) {
  Lanes lanes = {};
  float rest = 0;
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) lanes += load(x + i);
  for (; i < size; ++i) rest += x[i];
  const float mean = (rest + sum(lanes)) / static_cast<float>(size);
  lanes = Lanes{};
  rest = 0;
  for (i = 0; i + kLanes <= size; i += kLanes) {
    const Lanes difference = load(x + i) - mean;
    lanes += difference * difference;
  }
  for (; i < size; ++i) rest += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0f / std::sqrt((rest + sum(lanes)) / static_cast<float>(size) + eps);
  for (i = 0; i + kLanes <= size; i += kLanes) store(y + i, (load(x + i) - mean) * scale * load(weight + i) + load(bias + i));
  for (; i < size; ++i) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

template <class Y>
HYPERFIT_KERNEL void round_row(Y* to, const float* from, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, load(from + i));
  for (; i < count; ++i) to[i] = from[i];
}

template <class Y>
HYPERFIT_KERNEL void rotate_row(Y* out, const float* x, const float* cos, const float* sin, int64_t half) {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Lanes c = load(cos + i), s = load(sin + i), first = load(x + i), second = load(x + half + i);
    store(out + i, first * c - second * s);
    store(out + half + i, second * c + first * s);
  }
  for (; i < half; ++i) {
    const float c = cos[i], s = sin[i], first = x[i], second = x[half + i];
    out[i] = first * c - second * s;
    out[half + i] = second * c + first * s;
  }
}

HYPERFIT_KERNEL
void add_row(float* y, const float* x, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, load(y + i) + load(x + i));
  for (; i < count; ++i) y[i] += x[i];
}

template <class Y>
HYPERFIT_KERNEL void silu_row(Y* y, const float* gate, const float* up, int64_t count) {
  activate<Silu>(y, gate, up, count);
}
template <class Y>
HYPERFIT_KERNEL void gelu_row(Y* y, const float* gate, const float* up, int64_t count) {
  activate<Gelu>(y, gate, up, count);
}
template <class Y>
HYPERFIT_KERNEL void gelu_tanh_row(Y* y, const float* gate, const float* up, int64_t count) {
  activate<GeluTanh>(y, gate, up, count);
}
template <class Y>
HYPERFIT_KERNEL void quick_gelu_row(Y* y, const float* gate, const float* up, int64_t count) {
  activate<QuickGelu>(y, gate, up, count);
}

HYPERFIT_KERNEL
void softcap_row(float* x, float cap, int64_t count) { softcap(x, cap, count); }

HYPERFIT_KERNEL
void best_of_blocks(float* best, const float* scores, int64_t count, int64_t block) {
  for (int64_t start = 0; start < count; start += block) *best++ = largest_of(scores + start, std::min(block, count - start));
}

#define HYPERFIT_ROWS(Y)                                                                                                  \
  template void layer_norm_row(Y*, const float*, const float*, const float*, float, int64_t);                             \
  template void round_row(Y*, const float*, int64_t);                                                                     \
  template void rotate_row(Y*, const float*, const float*, const float*, int64_t);                                        \
  template void silu_row(Y*, const float*, const float*, int64_t);                                                        \
  template void gelu_row(Y*, const float*, const float*, int64_t);                                                        \
  template void gelu_tanh_row(Y*, const float*, const float*, int64_t);                                                   \
  template void quick_gelu_row(Y*, const float*, const float*, int64_t);
HYPERFIT_ROWS(float)
HYPERFIT_ROWS(c10::BFloat16)
#undef HYPERFIT_ROWS

}  // namespace hyperfit::kernels
