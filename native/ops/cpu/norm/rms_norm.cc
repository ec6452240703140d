#include "ops/cpu/norm/rms_norm.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/rows.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kColumns = 16;  // of a block that one thread takes: a line of memory

template <class L, class X>
[[gnu::always_inline]] inline float squares(const X* x, int64_t size) {
  L lanes = {};
  float rest = 0;
  int64_t i = 0;
  for (; i + L::kCount <= size; i += L::kCount) lanes += L::load(x + i) * L::load(x + i);
  for (; i < size; ++i) rest += static_cast<float>(x[i]) * static_cast<float>(x[i]);
  return rest + sum(lanes);
}

template <class Y, class X>
struct ScaleRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* y, const float* rstd, const X* x, const float* weight, float offset, int64_t rows,
                                                int64_t size) {
    for (int64_t row = 0; row < rows; ++row) {
      const float scale = rstd[row];
      const X* from = x + row * size;
      Y* to = y + row * size;
      int64_t i = 0;
      for (; i + L::kCount <= size; i += L::kCount) (L::load(from + i) * scale * (L::load(weight + i) + offset)).store(to + i);
      for (; i < size; ++i) to[i] = static_cast<float>(from[i]) * scale * (weight[i] + offset);
    }
  }
};

template <class X>
struct MeasureRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* rstd, const X* x, float eps, int64_t rows, int64_t size) {
    for (int64_t row = 0; row < rows; ++row) {
      const X* from = x + row * size;
      rstd[row] = 1.0f / std::sqrt(squares<L>(from, size) / static_cast<float>(size) + eps);
    }
  }
};

template <class Y, class X>
struct BackwardRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(X* dx, const Y* dy, const X* x, const float* rstd, const float* weight, float offset,
                                                int64_t rows, int64_t size) {
    for (int64_t row = 0; row < rows; ++row) {
      const Y* g = dy + row * size;
      const X* from = x + row * size;
      X* to = dx + row * size;
      const float scale = rstd[row];
      L lanes = {};
      float rest = 0;
      int64_t i = 0;
      for (; i + L::kCount <= size; i += L::kCount) lanes += L::load(g + i) * (L::load(weight + i) + offset) * L::load(from + i);
      for (; i < size; ++i) rest += static_cast<float>(g[i]) * (weight[i] + offset) * static_cast<float>(from[i]);
      // mean(g n) n = (sum of g x) rstd^2 x / size
      const float projection = (rest + sum(lanes)) * scale * scale / static_cast<float>(size);
      for (i = 0; i + L::kCount <= size; i += L::kCount) {
        (L::load(to + i) + scale * (L::load(g + i) * (L::load(weight + i) + offset) - L::load(from + i) * projection)).store(to + i);
      }
      for (; i < size; ++i) {
        const float gradient = scale * (static_cast<float>(g[i]) * (weight[i] + offset) - static_cast<float>(from[i]) * projection);
        to[i] = static_cast<float>(to[i]) + gradient;
      }
    }
  }
};

// dw of the columns [first, last): down the rows, so that the result does not depend on the number of threads.
template <class Y, class X>
struct BackwardColumns {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* dw, const Y* dy, const X* x, const float* rstd, float beta, int64_t rows,
                                                int64_t size, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) dw[i] = beta == 0 ? 0 : dw[i] * beta;
    for (int64_t row = 0; row < rows; ++row) {
      const Y* g = dy + row * size;
      const X* from = x + row * size;
      const float scale = rstd[row];
      int64_t i = first;
      for (; i + L::kCount <= last; i += L::kCount) (L::load(dw + i) + L::load(g + i) * L::load(from + i) * scale).store(dw + i);
      for (; i < last; ++i) dw[i] += static_cast<float>(g[i]) * static_cast<float>(from[i]) * scale;
    }
  }
};

}  // namespace

template <class Y, class X>
void rms_norm_forward(Y* y, float* rstd, const X* x, const float* weight, float offset, float eps, int64_t rows, int64_t size) {
  parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    dispatch<MeasureRows<X>>(rstd + begin, x + begin * size, eps, end - begin, size);
    dispatch<ScaleRows<Y, X>>(y + begin * size, rstd + begin, x + begin * size, weight, offset, end - begin, size);
  });
}

template <class Y, class X>
void rms_norm_recompute(Y* y, const float* rstd, const X* x, const float* weight, float offset, int64_t rows, int64_t size) {
  parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    dispatch<ScaleRows<Y, X>>(y + begin * size, rstd + begin, x + begin * size, weight, offset, end - begin, size);
  });
}

template <class Y, class X>
void rms_norm_backward(X* dx, float* dw, const Y* dy, const X* x, const float* rstd, const float* weight, float offset,
                       float beta, int64_t rows, int64_t size) {
  const int64_t blocks = (size + kColumns - 1) / kColumns;
  parallel_for(0, blocks, blocks_per_task(rows, kColumns), [&](int64_t begin, int64_t end) {
    dispatch<BackwardColumns<Y, X>>(dw, dy, x, rstd, beta, rows, size, begin * kColumns, std::min(size, end * kColumns));
  });
  parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    dispatch<BackwardRows<Y, X>>(dx + begin * size, dy + begin * size, x + begin * size, rstd + begin, weight, offset, end - begin, size);
  });
}

template void rms_norm_forward(float*, float*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(float*, const float*, const float*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(float*, float*, const float*, const float*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_forward(c10::BFloat16*, float*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(c10::BFloat16*, const float*, const float*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(float*, float*, const c10::BFloat16*, const float*, const float*, const float*, float, float, int64_t,
                                int64_t);
template void rms_norm_forward(float*, float*, const c10::BFloat16*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(float*, const float*, const c10::BFloat16*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(c10::BFloat16*, float*, const float*, const c10::BFloat16*, const float*, const float*, float, float,
                                int64_t, int64_t);
template void rms_norm_forward(c10::BFloat16*, float*, const c10::BFloat16*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(c10::BFloat16*, const float*, const c10::BFloat16*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(c10::BFloat16*, float*, const c10::BFloat16*, const c10::BFloat16*, const float*, const float*, float,
                                float, int64_t, int64_t);

}  // namespace hyperfit::kernels
