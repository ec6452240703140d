#include "kernels/adamw.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 16;  // a multiple of the lanes: every thread count cuts alike

// One block at a time so that the loops below, whose length is known, become vector instructions.
HYPERFIT_KERNEL
void update(const AdamWStep& s, int64_t begin, int64_t end) {
  const float rest1 = 1.0f - s.beta1, rest2 = 1.0f - s.beta2;
  for (int64_t i = begin; i < end; ++i) {
    const float g = s.gradients[i] * s.grad_scale;
    const float m = s.exp_avg[i] + rest1 * (g - s.exp_avg[i]);
    const float v = s.beta2 * s.exp_avg_sq[i] + rest2 * g * g;
    s.exp_avg[i] = m;
    s.exp_avg_sq[i] = v;
    s.weights[i] = s.weights[i] * s.decay - s.step_size * m / (__builtin_sqrtf(v) / s.root_correction + s.eps);
  }
}

HYPERFIT_KERNEL
void round_weights(c10::BFloat16* to, const float* from, int64_t begin, int64_t end) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) store(to + i, load(from + i));
  for (; i < end; ++i) to[i] = from[i];
}

}  // namespace

void adamw_step(const AdamWStep& s) {
  constexpr int64_t kBlock = 1 << 12;  // weights still in the nearest cache when they are rounded
  at::parallel_for(0, (s.count + kBlock - 1) / kBlock, kElementsPerTask / kBlock, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * kBlock, end = std::min(s.count, begin + kBlock);
      update(s, begin, end);
      if (s.rounded) round_weights(s.rounded, s.weights, begin, end);
    }
  });
}

}  // namespace hyperfit::kernels
