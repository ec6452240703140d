// The backward of both norms. With n = (x - mean) rstd and g = dy (weight + offset):
//   dx += rstd (g - n mean(g n)), for a layer norm also - rstd mean(g);  dweight = sum over rows of dy n;  dbias = sum over rows of dy.
// Rows are summed in chunks, and these in their order: the same bits on every run.
#include "norm.h"

namespace hyperfit::cuda {

template <class D, class Y, class X>
HYPERFIT_FUNCTION void norm_backward(D* dx, const Y* dy, const X* x, const float* stats, const float* weight, float offset, bool layer,
                                     Index rows, Index size) {
  const bool aligned = is_aligned<kColumns>(dx) && is_aligned<kColumns>(dy) && is_aligned<kColumns>(x) && is_aligned<kColumns>(weight);
  const bool wide = aligned && size % kColumns == 0;
  for (Index row = block_index(); row < rows; row += block_count()) {
    const Index start = row * size;
    const RowNorm norm = read_norm(stats, layer, row, rows);
    const auto read = [&]<int N>(float (&g)[N], float (&n)[N], Index first) {
      float gains[N];
      load(g, dy + start + first);
      load(n, x + start + first);
      load(gains, weight + first);
#pragma unroll
      for (int i = 0; i < N; ++i) {
        g[i] *= gains[i] + offset;
        n[i] = (n[i] - norm.mean) * norm.rstd;
      }
    };
    const Sums sums = sum_of_row(size, wide, [&]<int N>(Index first, Width<N>) {
      float g[N], n[N];
      read(g, n, first);
      Sums sum{0, 0};
#pragma unroll
      for (int i = 0; i < N; ++i) sum = join(sum, {g[i], g[i] * n[i]});
      return sum;
    });
    const float mean = layer ? sums.a / static_cast<float>(size) : 0.0f, projection = sums.b / static_cast<float>(size);
    each_thread([&](int thread) {
      each_column<kColumns>(thread, size, wide, [&]<int N>(Index first, Width<N>) {
        float g[N], n[N], to[N];
        read(g, n, first);
        load(to, dx + start + first);
#pragma unroll
        for (int i = 0; i < N; ++i) to[i] += norm.rstd * (g[i] - mean - n[i] * projection);
        store(dx + start + first, to);
      });
    });
  }
}

template <class Y, class X>
HYPERFIT_FUNCTION void norm_chunks(float* sums, const Y* dy, const X* x, const float* stats, bool layer, Index rows, Index size,
                                   Index chunk) {
  const Index chunks = (rows + chunk - 1) / chunk, tiles = (size + kThreads - 1) / kThreads;
  for (Index block = block_index(); block < chunks * tiles; block += block_count()) {
    const Index which = block / tiles, begin = which * chunk, end = begin + chunk < rows ? begin + chunk : rows;
    each_thread([&](int thread) {
      const Index column = block % tiles * kThreads + thread;
      if (column >= size) return;
      float weight = 0, bias = 0;
      for (Index row = begin; row < end; ++row) {
        const RowNorm norm = read_norm(stats, layer, row, rows);
        const float gradient = float_of(dy[row * size + column]);
        weight += gradient * (float_of(x[row * size + column]) - norm.mean) * norm.rstd;
        bias += gradient;
      }
      sums[which * size + column] = weight;
      sums[(chunks + which) * size + column] = bias;
    });
  }
}

HYPERFIT_FUNCTION void add_chunks(float* gradient, const float* sums, float beta, Index chunks, Index size, Index column) {
  float sum = 0;
  for (Index chunk = 0; chunk < chunks; ++chunk) sum += sums[chunk * size + column];
  gradient[column] = beta == 0 ? sum : beta * gradient[column] + sum;
}

HYPERFIT_KERNEL(norm_gradients, float* weight, float* bias, const float* sums, float beta, Index chunks, Index size) {
  each_thread([&](int thread) {
    for (Index column = block_index() * kThreads + thread; column < size; column += block_count() * kThreads) {
      add_chunks(weight, sums, beta, chunks, size, column);
      if (bias != nullptr) add_chunks(bias, sums + chunks * size, beta, chunks, size, column);
    }
  });
}

#define HYPERFIT_DEFINE(types, Y, X)                                                                                                \
  HYPERFIT_KERNEL(norm_backward_##types, float* dx, const Y* dy, const X* x, const float* stats, const float* weight, float offset, \
                  int layer, Index rows, Index size) {                                                                              \
    norm_backward(dx, dy, x, stats, weight, offset, layer != 0, rows, size);                                                        \
  }                                                                                                                                 \
  HYPERFIT_KERNEL(norm_chunks_##types, float* sums, const Y* dy, const X* x, const float* stats, int layer, Index rows, Index size, \
                  Index chunk) {                                                                                                    \
    norm_chunks(sums, dy, x, stats, layer != 0, rows, size, chunk);                                                                 \
  }
HYPERFIT_DEFINE(float32_float32, float, float)
HYPERFIT_DEFINE(float32_bfloat16, float, BFloat16)
HYPERFIT_DEFINE(bfloat16_float32, BFloat16, float)
HYPERFIT_DEFINE(bfloat16_bfloat16, BFloat16, BFloat16)
#undef HYPERFIT_DEFINE

HYPERFIT_KERNEL(norm_backward_rounded, BFloat16* dx, const BFloat16* dy, const BFloat16* x, const float* stats, const float* weight,
                float offset, int layer, Index rows, Index size) {
  norm_backward(dx, dy, x, stats, weight, offset, layer != 0, rows, size);
}

}  // namespace hyperfit::cuda
