#include "ops/cpu/adamw/adamw_8bit.h"

#include <algorithm>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/round.h"
#include "ops/cpu/parallel.h"
#include "ops/dynamic_map.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kBlocksPerTask = 256;

/// The number of the nearest magnitude, of shares within [0, 1]. Without a branch or a table that is looked up, so that it is done by whole
/// registers.
[[gnu::always_inline]] inline int32_t nearest(float share, const DynamicMap& map) {
  float slope = 0, offset = 0, first = 0, most = 0;
#pragma GCC unroll 7
  for (int decade = 0; decade < DynamicMap::kDecades; ++decade) {
    const bool is_above = share > map.above[decade];
    slope = is_above ? map.slope[decade] : slope;
    offset = is_above ? map.offset[decade] : offset;
    first = is_above ? map.first[decade] : first;
    most = is_above ? map.most[decade] : most;
  }
  float step = share * slope + offset;
  step = step > 0 ? step : 0;
  step = step < most ? step : most;
  return static_cast<int32_t>(first) + static_cast<int32_t>(step) + (share > map.edges[map.largest - 1] ? 1 : 0);
}

[[gnu::always_inline]] inline float largest_magnitude(const float* __restrict x) {
  constexpr int64_t kParts = 16;
  float parts[kParts] = {};
  for (int64_t i = 0; i < kMomentBlock; i += kParts) {
    for (int64_t j = 0; j < kParts; ++j) parts[j] = std::max(parts[j], __builtin_fabsf(x[i + j]));
  }
  return *std::max_element(parts, parts + kParts);
}

[[gnu::always_inline]] inline void encode_signed(uint8_t* __restrict codes, const float* __restrict x, float absmax) {
  const DynamicMap map = DynamicMap::of_signed();  // a copy: codes may be written over anything else
  const float divisor = absmax > 0 ? absmax : 1.0f;
  for (int64_t i = 0; i < kMomentBlock; ++i) {
    const int32_t number = nearest(__builtin_fabsf(x[i]) / divisor, map), below = std::min(number, map.lowest);
    codes[i] = static_cast<uint8_t>(map.zero + (x[i] < 0 ? -below : number));
  }
}

/// What is not zero never becomes zero: a root of zero would stand below the next update (the zero point of Li et al. 2023, arXiv
/// 2309.01507).
[[gnu::always_inline]] inline void encode_unsigned(uint8_t* __restrict codes, const float* __restrict x, float absmax) {
  const DynamicMap map = DynamicMap::of_unsigned();
  const float divisor = absmax > 0 ? absmax : 1.0f;
  for (int64_t i = 0; i < kMomentBlock; ++i) codes[i] = static_cast<uint8_t>(std::max(nearest(x[i] / divisor, map), x[i] > 0 ? 1 : 0));
}

/// Moments are those before the step and become those behind it.
[[gnu::always_inline]] inline void move(const AdamWStep& s, float* __restrict weights, const float* __restrict gradients,
                                        float* __restrict means, float* __restrict squares, float mean_scale, float square_scale) {
  const float beta2 = s.beta2, rest1 = 1.0f - s.beta1, rest2 = 1.0f - s.beta2, eps = s.eps, decay = s.decay;
  const float step_size = s.step_size, root_correction = s.root_correction, grad_scale = s.grad_scale;
  for (int64_t i = 0; i < kMomentBlock; ++i) {
    const float g = gradients[i] * grad_scale, before = means[i] * mean_scale;
    const float m = before + rest1 * (g - before);
    const float v = beta2 * (squares[i] * square_scale) + rest2 * g * g;
    means[i] = m;
    squares[i] = v;
    weights[i] = weights[i] * decay - step_size * m / (__builtin_sqrtf(v) / root_correction + eps);
  }
}

// A block at a time, so that its moments stay in registers' reach; each loop does one thing, so that the compiler makes vectors of it.
struct Update8Bit {
  template <class L>
  [[gnu::always_inline]] static inline void run(const AdamW8BitStep& s, int64_t first, int64_t last) {
    const float *mean_values = DynamicMap::of_signed().values.data(), *square_values = DynamicMap::of_unsigned().values.data();
    alignas(64) float means[kMomentBlock], squares[kMomentBlock];
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * kMomentBlock;
      for (int64_t i = 0; i < kMomentBlock; ++i) means[i] = mean_values[s.exp_avg[begin + i]];
      for (int64_t i = 0; i < kMomentBlock; ++i) squares[i] = square_values[s.exp_avg_sq[begin + i]];
      float* weights = s.rest.weights + begin;
      move(s.rest, weights, s.rest.gradients + begin, means, squares, s.exp_avg_absmax[block], s.exp_avg_sq_absmax[block]);
      s.exp_avg_absmax[block] = largest_magnitude(means);
      s.exp_avg_sq_absmax[block] = largest_magnitude(squares);
      encode_signed(s.exp_avg + begin, means, s.exp_avg_absmax[block]);
      encode_unsigned(s.exp_avg_sq + begin, squares, s.exp_avg_sq_absmax[block]);
      if (s.rest.rounded) Round<c10::BFloat16>::run<L>(s.rest.rounded + begin, weights, kMomentBlock);
    }
  }
};

}  // namespace

void adamw_8bit_step(const AdamW8BitStep& s) {
  parallel_for(0, s.rest.count / kMomentBlock, kBlocksPerTask, [&](int64_t first, int64_t last) { dispatch<Update8Bit>(s, first, last); });
}

}  // namespace hyperfit::kernels
