#include "kernels/swiglu.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

[[gnu::always_inline]] inline Lanes sigmoid(const Lanes& x) { return 1.0f / (1.0f + exp(-x)); }

HYPERFIT_KERNEL
void forward(float* y, const float* gate, const float* up, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes g = load(gate + i);
    store(y + i, g * sigmoid(g) * load(up + i));
  }
  for (; i < count; ++i) y[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

// silu'(g) = s + g s (1 - s), s = sigmoid(g).
HYPERFIT_KERNEL
void backward(float* dgate, float* dup, const float* dy, const float* gate, const float* up, int64_t count) {
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

void swiglu_forward(float* y, const float* gate, const float* up, int64_t count) {
  at::parallel_for(0, count, kElementsPerTask, [&](int64_t begin, int64_t end) {
    forward(y + begin, gate + begin, up + begin, end - begin);
  });
}

void swiglu_backward(float* dgate, float* dup, const float* dy, const float* gate, const float* up, int64_t count) {
  at::parallel_for(0, count, kElementsPerTask, [&](int64_t begin, int64_t end) {
    backward(dgate + begin, dup + begin, dy + begin, gate + begin, up + begin, end - begin);
  });
}

}  // namespace hyperfit::kernels
