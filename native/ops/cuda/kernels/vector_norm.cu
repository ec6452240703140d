// The L2 norm of many numbers: squares are added up in float64, a thread's in rising order, a block's and the blocks' as one tree, so that
// two runs give the same bits, and no gradient that float32 holds has a square that does not count.
#include "numbers.h"

namespace hyperfit::cuda {

HYPERFIT_FUNCTION double plus(double a, double b) { return a + b; }

HYPERFIT_KERNEL(vector_norm_parts, double* parts, const float* x, Index count) {
  constexpr int kTogether = 4;
  const bool aligned = is_aligned<kTogether>(x);
  const double sum = gather<double>(
      [&](int thread) {
        double squares = 0;
        each_of_all<kTogether>(thread, count, aligned, [&]<int N>(Index first, Width<N>) {
          float values[N];
          load(values, x + first);
#pragma unroll
          for (const float value : values) squares += static_cast<double>(value) * static_cast<double>(value);
        });
        return squares;
      },
      plus);
  each_thread([&](int thread) {
    if (thread == 0) parts[block_index()] = sum;
  });
}

HYPERFIT_KERNEL(vector_norm, double* norm, const double* parts, Index count) {
  if (block_index() > 0) return;
  const double sum = gather<double>(
      [&](int thread) {
        double part = 0;
        for (Index i = thread; i < count; i += kThreads) part += parts[i];
        return part;
      },
      plus);
  each_thread([&](int thread) {
    if (thread == 0) *norm = sqrt(sum);
  });
}

}  // namespace hyperfit::cuda
