#include "ops/cpu/norm/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/rows.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kColumns = 16;  // of a block that one thread takes: a line of memory

LayerNormStats from_row(const LayerNormStats& stats, int64_t row) { return {stats.rstd + row, stats.mean + row}; }

template <class L, class X>
[[gnu::always_inline]] inline float mean_of(const X* x, int64_t size) {
  L lanes = {};
  float rest = 0;
  int64_t i = 0;
  for (; i + L::kCount <= size; i += L::kCount) lanes += L::load(x + i);
  for (; i < size; ++i) rest += static_cast<float>(x[i]);
  return (rest + sum(lanes)) / static_cast<float>(size);
}

// Around the mean, which the mean of squares less the square of the mean would lose to cancellation.
template <class L, class X>
[[gnu::always_inline]] inline float variance_of(const X* x, float mean, int64_t size) {
  L lanes = {};
  float rest = 0;
  int64_t i = 0;
  for (; i + L::kCount <= size; i += L::kCount) {
    const L d = L::load(x + i) - mean;
    lanes += d * d;
  }
  for (; i < size; ++i) rest += (static_cast<float>(x[i]) - mean) * (static_cast<float>(x[i]) - mean);
  return (rest + sum(lanes)) / static_cast<float>(size);
}

template <class X>
struct MeasureRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(LayerNormStats stats, const X* x, float eps, int64_t rows, int64_t size) {
    for (int64_t row = 0; row < rows; ++row) {
      const X* from = x + row * size;
      stats.mean[row] = mean_of<L>(from, size);
      stats.rstd[row] = 1.0f / std::sqrt(variance_of<L>(from, stats.mean[row], size) + eps);
    }
  }
};

template <class Y, class X>
struct ScaleRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* y, LayerNormStats stats, const X* x, const float* weight, const float* bias,
                                                int64_t rows, int64_t size) {
    for (int64_t row = 0; row < rows; ++row) {
      const float scale = stats.rstd[row], mean = stats.mean[row];
      const X* from = x + row * size;
      Y* to = y + row * size;
      int64_t i = 0;
      for (; i + L::kCount <= size; i += L::kCount)
        ((L::load(from + i) - mean) * scale * L::load(weight + i) + L::load(bias + i)).store(to + i);
      for (; i < size; ++i) to[i] = (static_cast<float>(from[i]) - mean) * scale * weight[i] + bias[i];
    }
  }
};

template <class Y, class X>
struct BackwardRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(X* dx, const Y* dy, const X* x, LayerNormStats stats, const float* weight, int64_t rows,
                                                int64_t size) {
    for (int64_t row = 0; row < rows; ++row) {
      const Y* d = dy + row * size;
      const X* from = x + row * size;
      X* to = dx + row * size;
      const float scale = stats.rstd[row], mean = stats.mean[row], share = 1.0f / static_cast<float>(size);
      L lanes_g = {}, lanes_gn = {};
      float rest_g = 0, rest_gn = 0;
      int64_t i = 0;
      for (; i + L::kCount <= size; i += L::kCount) {
        const L g = L::load(d + i) * L::load(weight + i);
        lanes_g += g;
        lanes_gn += g * (L::load(from + i) - mean);
      }
      for (; i < size; ++i) {
        const float g = static_cast<float>(d[i]) * weight[i];
        rest_g += g;
        rest_gn += g * (static_cast<float>(from[i]) - mean);
      }
      // mean(g n) n = (sum of g (x - mean)) rstd^2 (x - mean) / size
      const float mean_g = (rest_g + sum(lanes_g)) * share, projection = (rest_gn + sum(lanes_gn)) * share * scale * scale;
      for (i = 0; i + L::kCount <= size; i += L::kCount) {
        const L g = L::load(d + i) * L::load(weight + i);
        (L::load(to + i) + scale * (g - mean_g - (L::load(from + i) - mean) * projection)).store(to + i);
      }
      for (; i < size; ++i) {
        const float g = static_cast<float>(d[i]) * weight[i];
        to[i] = static_cast<float>(to[i]) + scale * (g - mean_g - (static_cast<float>(from[i]) - mean) * projection);
      }
    }
  }
};

// dw and db of the columns [first, last): down the rows, so that the result does not depend on the number of threads.
template <class Y, class X>
struct BackwardColumns {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* dw, float* db, const Y* dy, const X* x, LayerNormStats stats, float beta,
                                                int64_t rows, int64_t size, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) dw[i] = beta == 0 ? 0 : dw[i] * beta;
    for (int64_t i = first; i < last; ++i) db[i] = beta == 0 ? 0 : db[i] * beta;
    for (int64_t row = 0; row < rows; ++row) {
      const Y* d = dy + row * size;
      const X* from = x + row * size;
      const float scale = stats.rstd[row], mean = stats.mean[row];
      int64_t i = first;
      for (; i + L::kCount <= last; i += L::kCount) {
        const L g = L::load(d + i);
        (L::load(dw + i) + g * ((L::load(from + i) - mean) * scale)).store(dw + i);
        (L::load(db + i) + g).store(db + i);
      }
      for (; i < last; ++i) {
        dw[i] += static_cast<float>(d[i]) * ((static_cast<float>(from[i]) - mean) * scale);
        db[i] += static_cast<float>(d[i]);
      }
    }
  }
};

}  // namespace

template <class Y, class X>
void layer_norm_forward(Y* y, LayerNormStats stats, const X* x, const float* weight, const float* bias, float eps, int64_t rows,
                        int64_t size) {
  parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    const LayerNormStats part = from_row(stats, begin);
    dispatch<MeasureRows<X>>(part, x + begin * size, eps, end - begin, size);
    dispatch<ScaleRows<Y, X>>(y + begin * size, part, x + begin * size, weight, bias, end - begin, size);
  });
}

template <class Y, class X>
void layer_norm_recompute(Y* y, LayerNormStats stats, const X* x, const float* weight, const float* bias, int64_t rows, int64_t size) {
  parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    dispatch<ScaleRows<Y, X>>(y + begin * size, from_row(stats, begin), x + begin * size, weight, bias, end - begin, size);
  });
}

template <class Y, class X>
void layer_norm_backward(X* dx, float* dw, float* db, const Y* dy, const X* x, LayerNormStats stats, const float* weight, float beta,
                         int64_t rows, int64_t size) {
  const int64_t blocks = (size + kColumns - 1) / kColumns;
  parallel_for(0, blocks, blocks_per_task(rows, kColumns), [&](int64_t begin, int64_t end) {
    dispatch<BackwardColumns<Y, X>>(dw, db, dy, x, stats, beta, rows, size, begin * kColumns, std::min(size, end * kColumns));
  });
  parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    dispatch<BackwardRows<Y, X>>(dx + begin * size, dy + begin * size, x + begin * size, from_row(stats, begin), weight, end - begin, size);
  });
}

#define HYPERFIT_LAYER_NORM(Y, X)                                                                                               \
  template void layer_norm_forward(Y*, LayerNormStats, const X*, const float*, const float*, float, int64_t, int64_t);          \
  template void layer_norm_recompute(Y*, LayerNormStats, const X*, const float*, const float*, int64_t, int64_t);               \
  template void layer_norm_backward(X*, float*, float*, const Y*, const X*, LayerNormStats, const float*, float, int64_t, int64_t);

HYPERFIT_LAYER_NORM(float, float)
HYPERFIT_LAYER_NORM(c10::BFloat16, float)
HYPERFIT_LAYER_NORM(float, c10::BFloat16)
HYPERFIT_LAYER_NORM(c10::BFloat16, c10::BFloat16)

}  // namespace hyperfit::kernels
