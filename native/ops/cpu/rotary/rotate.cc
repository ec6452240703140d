#include "ops/cpu/rotary/rotate.h"

#include <algorithm>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;

template <class Y, class X>
struct RotateHead {
  template <class L>
  [[gnu::always_inline]] static inline void run(Y* out, const X* x, const float* cos, const float* sin, int64_t half, float sign) {
    int64_t i = 0;
    for (; i + L::kCount <= half; i += L::kCount) {
      const L c = L::load(cos + i), s = L::load(sin + i) * sign, first = L::load(x + i), second = L::load(x + half + i);
      (first * c - second * s).store(out + i);
      (second * c + first * s).store(out + half + i);
    }
    for (; i < half; ++i) {
      const float c = cos[i], s = sin[i] * sign, first = x[i], second = x[half + i];
      out[i] = first * c - second * s;
      out[half + i] = second * c + first * s;
    }
  }
};

template <class T>
struct RotatePositions {
  // Positions [begin, end) of all B * T, every head of each.
  template <class L>
  [[gnu::always_inline]] static inline void run(const Rotation<T>* rotation, int64_t begin, int64_t end) {
    const Rotation<T>& r = *rotation;
    for (int64_t position = begin; position < end; ++position) {
      const int64_t b = position / r.time, t = position % r.time;
      const float* cos = r.cos + b * r.angle_batch_stride + t * r.angle_time_stride;
      const float* sin = r.sin + b * r.angle_batch_stride + t * r.angle_time_stride;
      T* out = r.out + b * r.out_layout.batch_stride + t * r.out_layout.time_stride;
      const T* x = r.x + b * r.x_layout.batch_stride + t * r.x_layout.time_stride;
      for (int64_t h = 0; h < r.heads; ++h) {
        RotateHead<T, T>::template run<L>(out + h * r.out_layout.head_stride, x + h * r.x_layout.head_stride, cos, sin, r.half, r.sign);
      }
    }
  }
};

}  // namespace

template <class T>
void rotate_heads(const Rotation<T>& r) {
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / (r.heads * 2 * r.half));
  parallel_for(0, r.batch * r.time, grain, [&](int64_t begin, int64_t end) { dispatch<RotatePositions<T>>(&r, begin, end); });
}

template <class Y>
void rotate_row(Y* out, const float* x, const float* cos, const float* sin, int64_t half) {
  dispatch<RotateHead<Y, float>>(out, x, cos, sin, half, 1.0f);
}

template void rotate_heads(const Rotation<float>&);
template void rotate_heads(const Rotation<c10::BFloat16>&);
template void rotate_row(float*, const float*, const float*, const float*, int64_t);
template void rotate_row(c10::BFloat16*, const float*, const float*, const float*, int64_t);

}  // namespace hyperfit::kernels
