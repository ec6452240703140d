// AdamW in one pass over weights, gradients and moments, which also writes the weights in bfloat16. Source: Loshchilov and Hutter 2019;
// update rule of torch.optim.AdamW.
#include "adamw.h"

namespace hyperfit::cuda {

HYPERFIT_KERNEL(adamw, float* values, float* exp_avg, float* exp_avg_sq, const float* gradients, BFloat16* rounded, const float* divisor,
                const float* found_inf, const float* learning_rate, const float* step, AdamWNumbers numbers, Index count) {
  constexpr int kTogether = 4;
  if (stays(found_inf)) {
    if (rounded != nullptr) round_all(rounded, values, count);
    return;
  }
  HYPERFIT_SHARED AdamWFactors factors;
  share_factors(factors, numbers, divisor, learning_rate, step);
  const bool aligned = all_aligned<kTogether>(values, exp_avg, exp_avg_sq, gradients, rounded);
  each_element<kTogether>(count, aligned, [&]<int N>(Index first, Width<N>) {
    float weights[N], means[N], squares[N], g[N];
    load(weights, values + first);
    load(means, exp_avg + first);
    load(squares, exp_avg_sq + first);
    load(g, gradients + first);
#pragma unroll
    for (int i = 0; i < N; ++i) move(factors, g[i], weights[i], means[i], squares[i]);
    store(values + first, weights);
    store(exp_avg + first, means);
    store(exp_avg_sq + first, squares);
    if (rounded != nullptr) store(rounded + first, weights);
  });
}

}  // namespace hyperfit::cuda
