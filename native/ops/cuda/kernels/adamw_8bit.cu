// AdamW whose moments are codes of dynamic maps (ops/dynamic_map.h), a block of threads a block of moments: they are read as codes, moved,
// and written as codes of shares of their new largest magnitude.
#include "adamw.h"

namespace hyperfit::cuda {

static_assert(kThreads == 256, "as many threads as moments that share a scale, and as codes");

struct Largest {
  float mean, square;
};

/// The number of the nearest magnitude, of shares within [0, 1]: without a branch or a table that is looked up.
HYPERFIT_FUNCTION int nearest(float share, const MomentMap& map) {
  float slope = 0, offset = 0, first = 0, most = 0;
#pragma unroll
  for (int decade = 0; decade < kDecades; ++decade) {
    const bool is_above = share > map.above[decade];
    slope = is_above ? map.slope[decade] : slope;
    offset = is_above ? map.offset[decade] : offset;
    first = is_above ? map.first[decade] : first;
    most = is_above ? map.most[decade] : most;
  }
  const float step = fminf(fmaxf(share * slope + offset, 0.0f), most);
  return static_cast<int>(first) + static_cast<int>(step) + (share > map.last_edge ? 1 : 0);
}

/// Of an unsigned map, which has no lowest, what is not zero never becomes zero: a root of zero would stand below the next update.
HYPERFIT_FUNCTION unsigned char code_of(float moment, float absmax, const MomentMap& map) {
  const int number = nearest(fabsf(moment) / (absmax > 0 ? absmax : 1.0f), map);
  if (map.lowest == 0) return static_cast<unsigned char>(number == 0 && moment > 0 ? 1 : number);
  return static_cast<unsigned char>(map.zero + (moment < 0 ? -(number < map.lowest ? number : map.lowest) : number));
}

HYPERFIT_KERNEL(adamw_8bit, float* values, unsigned char* exp_avg, unsigned char* exp_avg_sq, float* exp_avg_absmax,
                float* exp_avg_sq_absmax, const float* gradients, BFloat16* rounded, const float* mean_values, const float* square_values,
                const float* divisor, const float* found_inf, const float* learning_rate, const float* step, AdamWNumbers numbers,
                MomentMap of_means, MomentMap of_squares, Index blocks) {
  if (stays(found_inf)) {
    if (rounded != nullptr) round_all(rounded, values, blocks * kThreads);
    return;
  }
  HYPERFIT_SHARED AdamWFactors factors;
  HYPERFIT_SHARED float mean_table[kThreads], square_table[kThreads], means[kThreads], squares[kThreads];
  each_thread([&](int thread) {
    mean_table[thread] = mean_values[thread];
    square_table[thread] = square_values[thread];
  });
  share_factors(factors, numbers, divisor, learning_rate, step);
  for (Index block = block_index(); block < blocks; block += block_count()) {
    const auto moved = [&](int thread) {
      const Index i = block * kThreads + thread;
      float mean = mean_table[exp_avg[i]] * exp_avg_absmax[block], square = square_table[exp_avg_sq[i]] * exp_avg_sq_absmax[block];
      float weight = values[i];
      move(factors, gradients[i], weight, mean, square);
      values[i] = weight;
      if (rounded != nullptr) assign(rounded[i], weight);
      means[thread] = mean;
      squares[thread] = square;
      return Largest{fabsf(mean), square};
    };
    const Largest largest = gather<Largest>(
        moved, [](const Largest& a, const Largest& b) { return Largest{fmaxf(a.mean, b.mean), fmaxf(a.square, b.square)}; });
    each_thread([&](int thread) {
      const Index i = block * kThreads + thread;
      exp_avg[i] = code_of(means[thread], largest.mean, of_means);
      exp_avg_sq[i] = code_of(squares[thread], largest.square, of_squares);
      if (thread != 0) return;
      exp_avg_absmax[block] = largest.mean;
      exp_avg_sq_absmax[block] = largest.square;
    });
  }
}

}  // namespace hyperfit::cuda
