#pragma once
#include "numbers.h"

namespace hyperfit::cuda {

/// Of some numbers x: the largest, and the sum of exp(x - largest). A NaN passes the maximum unseen, but not the sum.
struct MaxSum {
  float max, sum;
};

HYPERFIT_FUNCTION float sum_below(const MaxSum& part, float max) { return part.max == max ? part.sum : part.sum * expf(part.max - max); }

/// exp(x - max), and 0 of minus infinity, also where nothing else has been seen.
HYPERFIT_FUNCTION float exp_below(float x, float max) { return x == -kInfinity ? 0.0f : expf(x - max); }

HYPERFIT_FUNCTION MaxSum join(const MaxSum& a, const MaxSum& b) {
  const float max = fmaxf(a.max, b.max);
  return {max, sum_below(a, max) + sum_below(b, max)};
}

template <int N>
HYPERFIT_FUNCTION float largest(float max, const float (&x)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) max = fmaxf(max, x[i]);
  return max;
}

template <int N>
HYPERFIT_FUNCTION void add(MaxSum& part, const float (&x)[N]) {
  const float max = largest(part.max, x);
  part.sum = sum_below(part, max);
  part.max = max;
#pragma unroll
  for (int i = 0; i < N; ++i) part.sum += exp_below(x[i], max);
}

}  // namespace hyperfit::cuda
