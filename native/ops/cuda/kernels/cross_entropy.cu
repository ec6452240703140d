// The loss of next tokens, and its gradient in the place of the logits: two reads and a write of them.
#include "soft_max.h"

namespace hyperfit::cuda {

template <class T>
HYPERFIT_FUNCTION void clear_row(T* row, Index size) {
  each_thread([&](int thread) {
    each_of_row(thread, row, size, [&]<int N>(Index first, Width<N>) {
      const float zeros[N] = {};
      store(row + first, zeros);
    });
  });
}

template <class T>
HYPERFIT_FUNCTION MaxSum max_sum_of(const T* row, Index size) {
  const auto part = [&](int thread) {
    MaxSum sum{-kInfinity, 0};
    each_of_row(thread, row, size, [&]<int N>(Index first, Width<N>) {
      float x[N];
      load(x, row + first);
      add(sum, x);
    });
    return sum;
  };
  return gather<MaxSum>(part, [](const MaxSum& a, const MaxSum& b) { return join(a, b); });
}

template <class T>
HYPERFIT_FUNCTION void differentiate(T* row, Index size, Index target, const MaxSum& total) {
  const float scale = 1.0f / total.sum;
  each_thread([&](int thread) {
    each_of_row(thread, row, size, [&]<int N>(Index first, Width<N>) {
      float x[N];
      load(x, row + first);
#pragma unroll
      for (int i = 0; i < N; ++i) x[i] = expf(x[i] - total.max) * scale - (first + i == target ? 1.0f : 0.0f);
      store(row + first, x);
    });
  });
}

template <class T>
HYPERFIT_FUNCTION void cross_entropy(T* logits, const Index* targets, float* losses, Index rows, Index size) {
  for (Index row = block_index(); row < rows; row += block_count()) {
    T* x = logits + row * size;
    const Index target = targets[row];
    float loss = 0;
    if (target < 0) {
      clear_row(x, size);
    } else {
      // Read ahead of the barrier in max_sum_of, as the gradient takes its place.
      const float picked = target < size ? float_of(x[target]) : kNaN;
      const MaxSum total = max_sum_of(x, size);
      differentiate(x, size, target, total);
      loss = logf(total.sum) - (picked - total.max);
    }
    each_thread([&](int thread) {
      if (thread == 0) losses[row] = loss;
    });
  }
}

HYPERFIT_KERNEL(cross_entropy_float32, float* logits, const Index* targets, float* losses, Index rows, Index size) {
  cross_entropy(logits, targets, losses, rows, size);
}
HYPERFIT_KERNEL(cross_entropy_bfloat16, BFloat16* logits, const Index* targets, float* losses, Index rows, Index size) {
  cross_entropy(logits, targets, losses, rows, size);
}

}  // namespace hyperfit::cuda
