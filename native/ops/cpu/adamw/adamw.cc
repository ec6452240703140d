#include "ops/cpu/adamw/adamw.h"

#include <algorithm>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/round.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 16;  // a multiple of the lanes: every thread count cuts alike

// Copies of everything that the loop needs: what a store might change would have to be loaded again for each element. Nothing is
// summed, so the order of the lanes is left to the compiler.
struct Update {
  template <class>
  [[gnu::always_inline]] static inline void run(const AdamWStep& s, int64_t begin, int64_t end) {
    float *__restrict weights = s.weights, *__restrict exp_avg = s.exp_avg, *__restrict exp_avg_sq = s.exp_avg_sq;
    const float* __restrict gradients = s.gradients;
    const float beta2 = s.beta2, rest1 = 1.0f - s.beta1, rest2 = 1.0f - s.beta2, eps = s.eps, decay = s.decay;
    const float step_size = s.step_size, root_correction = s.root_correction, grad_scale = s.grad_scale;
    for (int64_t i = begin; i < end; ++i) {
      const float g = gradients[i] * grad_scale;
      const float m = exp_avg[i] + rest1 * (g - exp_avg[i]);
      const float v = beta2 * exp_avg_sq[i] + rest2 * g * g;
      exp_avg[i] = m;
      exp_avg_sq[i] = v;
      weights[i] = weights[i] * decay - step_size * m / (__builtin_sqrtf(v) / root_correction + eps);
    }
  }
};

}  // namespace

void adamw_step(const AdamWStep& s) {
  constexpr int64_t kBlock = 1 << 12;  // weights still in the nearest cache when they are rounded
  parallel_for(0, (s.count + kBlock - 1) / kBlock, kElementsPerTask / kBlock, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * kBlock, end = std::min(s.count, begin + kBlock);
      dispatch<Update>(s, begin, end);
      if (s.rounded) dispatch<Round<c10::BFloat16>>(s.rounded + begin, static_cast<const float*>(s.weights) + begin, end - begin);
    }
  });
}

}  // namespace hyperfit::kernels
