#pragma once
#include "numbers.h"

namespace hyperfit::cuda {

/// What an update multiplies by: computed in float64, as the host does, and rounded once.
struct AdamWFactors {
  float beta2, rest1, rest2, eps, decay, step_size, root_correction, grad_scale, divisor;
};

HYPERFIT_FUNCTION double power(double base, unsigned exponent) {
  double result = 1;
#pragma unroll 1
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1U) != 0) result *= base;
    base *= base;
  }
  return result;
}

/// Pointers may be null: then the host's number counts.
HYPERFIT_FUNCTION AdamWFactors factors_of(const AdamWNumbers& host, const float* divisor, const float* learning_rate, const float* step) {
  const double rate = learning_rate == nullptr ? host.learning_rate : static_cast<double>(*learning_rate);
  const auto count = static_cast<unsigned>(step == nullptr ? host.step : static_cast<Index>(*step));
  return {static_cast<float>(host.beta2),
          1.0f - static_cast<float>(host.beta1),
          1.0f - static_cast<float>(host.beta2),
          static_cast<float>(host.eps),
          static_cast<float>(1 - rate * host.weight_decay),
          static_cast<float>(rate / (1 - power(host.beta1, count))),
          static_cast<float>(sqrt(1 - power(host.beta2, count))),
          divisor == nullptr ? static_cast<float>(host.grad_scale) : 1.0f,
          divisor == nullptr ? 1.0f : *divisor};
}

/// Once a block, for all of its threads.
HYPERFIT_FUNCTION void share_factors(AdamWFactors& shared, const AdamWNumbers& host, const float* divisor, const float* learning_rate,
                                     const float* step) {
  each_thread([&](int thread) {
    if (thread == 0) shared = factors_of(host, divisor, learning_rate, step);
  });
  barrier();
}

/// One weight and its moments, by its gradient before scaling.
HYPERFIT_FUNCTION void move(const AdamWFactors& f, float gradient, float& weight, float& mean, float& square) {
  const float g = gradient * f.grad_scale / f.divisor;
  mean += f.rest1 * (g - mean);
  square = f.beta2 * square + f.rest2 * g * g;
  weight = weight * f.decay - f.step_size * mean / (sqrtf(square) / f.root_correction + f.eps);
}

/// Where the device has found that nothing may change, the rounded weights are those of the weights all the same.
HYPERFIT_FUNCTION bool stays(const float* found_inf) { return found_inf != nullptr && *found_inf != 0; }

HYPERFIT_FUNCTION void round_all(BFloat16* rounded, const float* values, Index count) {
  each_element<4>(count, all_aligned<4>(rounded, values), [&]<int N>(Index first, Width<N>) {
    float weights[N];
    load(weights, values + first);
    store(rounded + first, weights);
  });
}

}  // namespace hyperfit::cuda
