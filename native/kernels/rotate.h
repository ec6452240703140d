#pragma once
#include <cstdint>

namespace hyperfit::kernels {

/// Heads [B, H, T, D] in any layout whose last dimension is dense; strides in elements.
struct HeadLayout {
  int64_t batch_stride, head_stride, time_stride;
};

/// out = x turned by the angles of each position: the first half of a head pairs with the second. `sign` -1 turns back,
/// which is the backward. cos and sin hold half = D / 2 numbers a position, with a stride per row and per position.
struct Rotation {
  float* out;
  HeadLayout out_layout;
  const float* x;
  HeadLayout x_layout;
  const float *cos, *sin;
  int64_t angle_batch_stride, angle_time_stride;
  int64_t batch, heads, time, half;
  float sign;
};

void rotate_heads(const Rotation& call);

}  // namespace hyperfit::kernels
