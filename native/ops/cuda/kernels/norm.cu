// RMSNorm and LayerNorm: one read for the statistics (two of a layer norm), which finds the row in the cache again for the result.
#include "norm.h"

namespace hyperfit::cuda {

template <class X>
HYPERFIT_FUNCTION RowNorm norm_of(const X* x, bool layer, float eps, Index size, bool wide) {
  float mean = 0;
  if (layer) {
    const Sums sums = sum_of_row(size, wide, [&]<int N>(Index first, Width<N>) {
      float values[N], sum = 0;
      load(values, x + first);
#pragma unroll
      for (const float value : values) sum += value;
      return Sums{sum, 0};
    });
    mean = sums.a / static_cast<float>(size);
  }
  const Sums squares = sum_of_row(size, wide, [&]<int N>(Index first, Width<N>) {
    float values[N], sum = 0;
    load(values, x + first);
#pragma unroll
    for (const float value : values) sum += (value - mean) * (value - mean);
    return Sums{sum, 0};
  });
  return {mean, 1.0f / sqrtf(squares.a / static_cast<float>(size) + eps)};
}

template <class Y, class X>
HYPERFIT_FUNCTION void apply(Y* y, const X* x, const RowNorm& norm, const float* weight, const float* bias, float offset, Index size,
                             bool wide) {
  each_thread([&](int thread) {
    each_column<kColumns>(thread, size, wide, [&]<int N>(Index first, Width<N>) {
      float values[N], gains[N], shifts[N] = {};
      load(values, x + first);
      load(gains, weight + first);
      if (bias != nullptr) load(shifts, bias + first);
#pragma unroll
      for (int i = 0; i < N; ++i) values[i] = (values[i] - norm.mean) * norm.rstd * (gains[i] + offset) + shifts[i];
      store(y + first, values);
    });
  });
}

template <class Y, class X>
HYPERFIT_FUNCTION void norm(Y* y, const X* x, float* stats, const float* weight, const float* bias, float eps, float offset, int again,
                            Index rows, Index size) {
  const bool layer = bias != nullptr;
  const bool aligned =
      is_aligned<kColumns>(y) && is_aligned<kColumns>(x) && is_aligned<kColumns>(weight) && (!layer || is_aligned<kColumns>(bias));
  const bool wide = aligned && size % kColumns == 0;
  for (Index row = block_index(); row < rows; row += block_count()) {
    const X* from = x + row * size;
    const RowNorm found = again != 0 ? read_norm(stats, layer, row, rows) : norm_of(from, layer, eps, size, wide);
    apply(y + row * size, from, found, weight, bias, offset, size, wide);
    if (again != 0) continue;
    each_thread([&](int thread) {
      if (thread != 0) return;
      stats[row] = found.rstd;
      if (layer) stats[rows + row] = found.mean;
    });
  }
}

/// stream = x + product + shift, and y its norm: what is added stays in the cache of the block that reads it again.
template <class T>
HYPERFIT_FUNCTION void add_norm(float* stream, T* y, float* stats, const float* x, const T* product, const float* shift,
                                const float* weight, const float* bias, float eps, float offset, Index rows, Index size) {
  const bool aligned = all_aligned<kColumns>(stream, y, x, product, shift, weight, bias), wide = aligned && size % kColumns == 0;
  for (unsigned row = block_index(); row < static_cast<unsigned>(rows); row += block_count()) {
    float* to = stream + row * size;
    each_thread([&](int thread) {
      const float* from = x + row * size;
      const T* more = product + row * size;
      each_column<kColumns>(thread, size, wide, [&]<int N>(Index first, Width<N>) {
        float sums[N], products[N], shifts[N] = {};
        load(sums, from + first);
        load(products, more + first);
        if (shift != nullptr) load(shifts, shift + first);
#pragma unroll
        for (int i = 0; i < N; ++i) sums[i] += products[i] + shifts[i];
        store(to + first, sums);
      });
    });
    // Each thread reads the columns that it has written.
    const RowNorm found = norm_of(static_cast<const float*>(to), bias != nullptr, eps, size, wide);
    each_thread([&](int thread) {
      if (thread != 0) return;
      stats[row] = found.rstd;
      if (bias != nullptr) stats[rows + row] = found.mean;
    });
    apply(y + row * size, static_cast<const float*>(to), found, weight, bias, offset, size, wide);
  }
}

#define HYPERFIT_DEFINE(types, Y, X)                                                                                             \
  HYPERFIT_KERNEL(norm_##types, Y* y, const X* x, float* stats, const float* weight, const float* bias, float eps, float offset, \
                  int again, Index rows, Index size) {                                                                           \
    norm(y, x, stats, weight, bias, eps, offset, again, rows, size);                                                             \
  }
HYPERFIT_DEFINE(float32_float32, float, float)
HYPERFIT_DEFINE(float32_bfloat16, float, BFloat16)
HYPERFIT_DEFINE(bfloat16_float32, BFloat16, float)
HYPERFIT_DEFINE(bfloat16_bfloat16, BFloat16, BFloat16)
#undef HYPERFIT_DEFINE

#define HYPERFIT_DEFINE(type, T)                                                                                                   \
  HYPERFIT_KERNEL(add_norm_##type, float* stream, T* y, float* stats, const float* x, const T* product, const float* shift,        \
                  const float* weight, const float* bias, float eps, float offset, Index rows, Index size) {                       \
    add_norm(stream, y, stats, x, product, shift, weight, bias, eps, offset, rows, size);                                          \
  }
HYPERFIT_DEFINE(float32, float)
HYPERFIT_DEFINE(bfloat16, BFloat16)
#undef HYPERFIT_DEFINE

}  // namespace hyperfit::cuda
