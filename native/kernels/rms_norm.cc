#include "kernels/rms_norm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;  // below this a second thread costs more than it saves

int64_t rows_per_task(int64_t size) { return std::max<int64_t>(1, kElementsPerTask / size); }

template <class Y, class X>
HYPERFIT_KERNEL void scale_rows(Y* y, const float* rstd, const X* x, const float* weight, float offset, int64_t rows, int64_t size) {
  for (int64_t row = 0; row < rows; ++row) {
    const float scale = rstd[row];
    const X* from = x + row * size;
    Y* to = y + row * size;
    int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) store(to + i, load(from + i) * scale * (load(weight + i) + offset));
    for (; i < size; ++i) to[i] = static_cast<float>(from[i]) * scale * (weight[i] + offset);
  }
}

template <class X>
HYPERFIT_KERNEL void measure_rows(float* rstd, const X* x, float eps, int64_t rows, int64_t size) {
  for (int64_t row = 0; row < rows; ++row) {
    const X* from = x + row * size;
    rstd[row] = 1.0f / std::sqrt(dot(from, from, size) / static_cast<float>(size) + eps);
  }
}

template <class Y, class X>
HYPERFIT_KERNEL void backward_rows(X* dx, const Y* dy, const X* x, const float* rstd, const float* weight, float offset,
                   int64_t rows, int64_t size) {
  for (int64_t row = 0; row < rows; ++row) {
    const Y* g = dy + row * size;
    const X* from = x + row * size;
    X* to = dx + row * size;
    const float scale = rstd[row];
    Lanes lanes = {};
    float rest = 0;
    int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) lanes += load(g + i) * (load(weight + i) + offset) * load(from + i);
    for (; i < size; ++i) rest += static_cast<float>(g[i]) * (weight[i] + offset) * static_cast<float>(from[i]);
    // mean(g n) n = (sum of g x) rstd^2 x / size
    const float projection = (rest + sum(lanes)) * scale * scale / static_cast<float>(size);
    for (i = 0; i + kLanes <= size; i += kLanes) {
      store(to + i, load(to + i) + scale * (load(g + i) * (load(weight + i) + offset) - load(from + i) * projection));
    }
    for (; i < size; ++i) {
      const float gradient = scale * (static_cast<float>(g[i]) * (weight[i] + offset) - static_cast<float>(from[i]) * projection);
      to[i] = static_cast<float>(to[i]) + gradient;
    }
  }
}

// dw of the columns [first, last): down the rows, so that the result does not depend on the number of threads.
template <class Y, class X>
HYPERFIT_KERNEL void backward_columns(float* dw, const Y* dy, const X* x, const float* rstd, float beta, int64_t rows, int64_t size,
                      int64_t first, int64_t last) {
  for (int64_t i = first; i < last; ++i) dw[i] = beta == 0 ? 0 : dw[i] * beta;
  for (int64_t row = 0; row < rows; ++row) {
    const Y* g = dy + row * size;
    const X* from = x + row * size;
    const float scale = rstd[row];
    int64_t i = first;
    for (; i + kLanes <= last; i += kLanes) store(dw + i, load(dw + i) + load(g + i) * load(from + i) * scale);
    for (; i < last; ++i) dw[i] += static_cast<float>(g[i]) * static_cast<float>(from[i]) * scale;
  }
}

}  // namespace

template <class Y, class X>
void rms_norm_forward(Y* y, float* rstd, const X* x, const float* weight, float offset, float eps, int64_t rows, int64_t size) {
  at::parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    measure_rows(rstd + begin, x + begin * size, eps, end - begin, size);
    scale_rows(y + begin * size, rstd + begin, x + begin * size, weight, offset, end - begin, size);
  });
}

template <class Y, class X>
void rms_norm_recompute(Y* y, const float* rstd, const X* x, const float* weight, float offset, int64_t rows, int64_t size) {
  at::parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    scale_rows(y + begin * size, rstd + begin, x + begin * size, weight, offset, end - begin, size);
  });
}

template <class Y, class X>
void rms_norm_backward(X* dx, float* dw, const Y* dy, const X* x, const float* rstd, const float* weight, float offset,
                       float beta, int64_t rows, int64_t size) {
  const int64_t blocks = (size + kLanes - 1) / kLanes;
  at::parallel_for(0, blocks, std::max<int64_t>(1, kElementsPerTask / (rows * kLanes)), [&](int64_t begin, int64_t end) {
    backward_columns(dw, dy, x, rstd, beta, rows, size, begin * kLanes, std::min(size, end * kLanes));
  });
  at::parallel_for(0, rows, rows_per_task(size), [&](int64_t begin, int64_t end) {
    backward_rows(dx + begin * size, dy + begin * size, x + begin * size, rstd + begin, weight, offset, end - begin, size);
  });
}

template void rms_norm_forward(float*, float*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(float*, const float*, const float*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(float*, float*, const float*, const float*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_forward(c10::BFloat16*, float*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(c10::BFloat16*, const float*, const float*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(float*, float*, const c10::BFloat16*, const float*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_forward(float*, float*, const c10::BFloat16*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(float*, const float*, const c10::BFloat16*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(c10::BFloat16*, float*, const float*, const c10::BFloat16*, const float*, const float*, float, float, int64_t, int64_t);
template void rms_norm_forward(c10::BFloat16*, float*, const c10::BFloat16*, const float*, float, float, int64_t, int64_t);
template void rms_norm_recompute(c10::BFloat16*, const float*, const c10::BFloat16*, const float*, float, int64_t, int64_t);
template void rms_norm_backward(c10::BFloat16*, float*, const c10::BFloat16*, const c10::BFloat16*, const float*, const float*, float, float, int64_t, int64_t);

}  // namespace hyperfit::kernels
