#include "kernels/swiglu.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

[[gnu::always_inline]] inline Lanes sigmoid(const Lanes& x) { return 1.0f / (1.0f + exp(-x)); }

template <class T>
HYPERFIT_KERNEL void forward(T* y, const T* gate, const T* up, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes g = load(gate + i);
    store(y + i, g * sigmoid(g) * load(up + i));
  }
  for (; i < count; ++i) {
    const float g = gate[i];
    y[i] = g / (1.0f + std::exp(-g)) * static_cast<float>(up[i]);
  }
}

// silu'(g) = s + g s (1 - s), s = sigmoid(g).
template <class T>
HYPERFIT_KERNEL void backward(T* dgate, T* dup, const T* dy, const T* gate, const T* up, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes g = load(gate + i), d = load(dy + i), u = load(up + i), s = sigmoid(g);
    store(dgate + i, d * u * (s + g * s * (1.0f - s)));
    store(dup + i, d * g * s);
  }
  for (; i < count; ++i) {
    const float g = gate[i], d = dy[i], u = up[i], s = 1.0f / (1.0f + std::exp(-g));
    dgate[i] = d * u * (s + g * s * (1.0f - s));
    dup[i] = d * g * s;
  }
}

}  // namespace

template <class T>
void swiglu_forward(T* y, const T* gate, const T* up, int64_t count) {
  at::parallel_for(0, count, kElementsPerTask, [&](int64_t begin, int64_t end) {
    forward(y + begin, gate + begin, up + begin, end - begin);
  });
}

template <class T>
void swiglu_backward(T* dgate, T* dup, const T* dy, const T* gate, const T* up, int64_t count) {
  at::parallel_for(0, count, kElementsPerTask, [&](int64_t begin, int64_t end) {
    backward(dgate + begin, dup + begin, dy + begin, gate + begin, up + begin, end - begin);
  });
}

template void swiglu_forward(float*, const float*, const float*, int64_t);
template void swiglu_backward(float*, float*, const float*, const float*, const float*, int64_t);
template void swiglu_forward(c10::BFloat16*, const c10::BFloat16*, const c10::BFloat16*, int64_t);
template void swiglu_backward(c10::BFloat16*, c10::BFloat16*, const c10::BFloat16*, const c10::BFloat16*, const c10::BFloat16*, int64_t);

}  // namespace hyperfit::kernels
