// What a row of logits says of its next token, in one read of it.
#include "soft_max.h"

namespace hyperfit::cuda {

constexpr int kTop = 5;

/// `weighted` is the sum of (x - largest) exp(x - largest); `top` falls, and `best` is the lowest place of the first of them.
struct RowStats {
  float max, sum, weighted;
  float top[kTop];
  int best;
};

HYPERFIT_FUNCTION void raise_max(RowStats& stats, float max) {
  if (stats.max == max) return;
  const float shift = stats.max - max, factor = expf(shift);
  if (stats.sum != 0) stats.weighted = factor * (stats.weighted + shift * stats.sum);
  stats.sum *= factor;
  stats.max = max;
}

HYPERFIT_FUNCTION void insert(float (&top)[kTop], float x) {
#pragma unroll
  for (float& one : top) {
    const float higher = fmaxf(one, x);
    x = fminf(one, x);
    one = higher;
  }
}

template <int N>
HYPERFIT_FUNCTION void add(RowStats& stats, Index first, const float (&x)[N]) {
  raise_max(stats, largest(stats.max, x));
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const float e = exp_below(x[i], stats.max);
    stats.sum += e;
    if (e != 0) stats.weighted += (x[i] - stats.max) * e;
    if (x[i] > stats.top[0]) stats.best = static_cast<int>(first + i);
    if (x[i] > stats.top[kTop - 1]) insert(stats.top, x[i]);
  }
}

HYPERFIT_FUNCTION RowStats join(RowStats a, RowStats b) {
  const float max = fmaxf(a.max, b.max);
  raise_max(a, max);
  raise_max(b, max);
  a.sum += b.sum;
  a.weighted += b.weighted;
  if (b.top[0] > a.top[0] || (b.top[0] == a.top[0] && b.best < a.best)) a.best = b.best;
#pragma unroll
  for (const float x : b.top) insert(a.top, x);
  return a;
}

template <class T>
HYPERFIT_FUNCTION RowStats stats_of(const T* row, Index size) {
  const auto part = [&](int thread) {
    RowStats stats{-kInfinity, 0, 0, {-kInfinity, -kInfinity, -kInfinity, -kInfinity, -kInfinity}, 0};
    each_of_row(thread, row, size, [&]<int N>(Index first, Width<N>) {
      float x[N];
      load(x, row + first);
      add(stats, first, x);
    });
    return stats;
  };
  return gather<RowStats>(part, [](const RowStats& a, const RowStats& b) { return join(a, b); });
}

template <class T>
HYPERFIT_FUNCTION void token_stats(const T* logits, const Index* targets, float* losses, float* entropies, float* masses, Index* best,
                                   Index rows, Index size) {
  for (Index row = block_index(); row < rows; row += block_count()) {
    const T* x = logits + row * size;
    const Index target = targets[row];
    const RowStats stats = stats_of(x, size);
    each_thread([&](int thread) {
      if (thread != 0) return;
      const float picked = target < 0 ? 0.0f : (target < size ? float_of(x[target]) : kNaN), log_sum = logf(stats.sum);
      losses[row] = target < 0 ? 0.0f : log_sum - (picked - stats.max);
      entropies[row] = log_sum - stats.weighted / stats.sum;
      best[row] = stats.best;
      float mass = 0;
#pragma unroll
      for (int i = 0; i < kTop; ++i) {
        mass += exp_below(stats.top[i], stats.max) / stats.sum;
        if (i % 2 == 0) masses[3 * row + i / 2] = mass;
      }
    });
  }
}

HYPERFIT_KERNEL(token_stats_float32, const float* logits, const Index* targets, float* losses, float* entropies, float* masses, Index* best,
                Index rows, Index size) {
  token_stats(logits, targets, losses, entropies, masses, best, rows, size);
}
HYPERFIT_KERNEL(token_stats_bfloat16, const BFloat16* logits, const Index* targets, float* losses, float* entropies, float* masses,
                Index* best, Index rows, Index size) {
  token_stats(logits, targets, losses, entropies, masses, best, rows, size);
}

}  // namespace hyperfit::cuda
