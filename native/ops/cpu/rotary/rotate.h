#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// Heads of float32 or bfloat16 [B, H, T, D] in any layout whose last dimension is dense; strides in elements.
struct HeadLayout {
  int64_t batch_stride, head_stride, time_stride;
};

/// out = x turned by the angles of each position: the first half of a head pairs with the second. `sign` -1 turns back,
/// which is the backward. cos and sin hold half = D / 2 numbers a position, with a stride per row and per position.
template <class T>
struct Rotation {
  T* out;
  HeadLayout out_layout;
  const T* x;
  HeadLayout x_layout;
  const float *cos, *sin;
  int64_t angle_batch_stride, angle_time_stride;
  int64_t batch, heads, time, half;
  float sign;
};

template <class T>
void rotate_heads(const Rotation<T>& call);

/// One head at one position, on the calling thread: out = x [2 half] turned by cos and sin [half]. Y is float32 or bfloat16.
template <class Y>
void rotate_row(Y* out, const float* x, const float* cos, const float* sin, int64_t half);

}  // namespace hyperfit::kernels
