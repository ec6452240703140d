// Rotary positions: pairs (x, y) half a head apart are turned by an angle of their own. Source: Su et al. 2021, in Llama's layout.
#include "numbers.h"

namespace hyperfit::cuda {

/// The first elements of one head at one position, and of its angles.
template <class T>
struct Head {
  T* out;
  const T* x;
  const float *cos, *sin;
};

template <int N, class T>
HYPERFIT_FUNCTION void turn(const Head<T>& head, float sign, Index half, int lane) {
#pragma unroll 1
  for (Index i = Index{lane} * N; i < half; i += kWarp * N) {
    float first[N], second[N], cos[N], sin[N];
    load(first, head.x + i);
    load(second, head.x + half + i);
    load(cos, head.cos + i);
    load(sin, head.sin + i);
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float x = first[j], y = second[j], s = sign * sin[j];
      first[j] = x * cos[j] - y * s;
      second[j] = y * cos[j] + x * s;
    }
    store(head.out + i, first);
    store(head.out + half + i, second);
  }
}

template <class T>
HYPERFIT_FUNCTION void rotate(T* out, const T* x, const float* cos, const float* sin, float sign, const HeadSizes& sizes,
                              const HeadStrides& to, const HeadStrides& from) {
  constexpr int N = 4;
  const bool aligned = is_aligned<N>(out) && is_aligned<N>(x) && is_aligned<N>(cos) && is_aligned<N>(sin);
  const bool wide =
      aligned && sizes.half % N == 0 && sizes.angle_batch % N == 0 && sizes.angle_position % N == 0 && divides(N, to) && divides(N, from);
  const Index rows = sizes.batch * sizes.heads * sizes.length;
  each_thread([&](int thread) {
    for (Index row = block_index() * kWarps + thread / kWarp; row < rows; row += block_count() * kWarps) {
      const Index position = row % sizes.length, head = row / sizes.length % sizes.heads, batch = row / sizes.length / sizes.heads;
      const Index angle = batch * sizes.angle_batch + position * sizes.angle_position;
      const Head<T> one{out + batch * to.batch + head * to.head + position * to.position,
                        x + batch * from.batch + head * from.head + position * from.position, cos + angle, sin + angle};
      wide ? turn<N>(one, sign, sizes.half, thread % kWarp) : turn<1>(one, sign, sizes.half, thread % kWarp);
    }
  });
}

HYPERFIT_KERNEL(rotate_float32, float* out, const float* x, const float* cos, const float* sin, float sign, HeadSizes sizes, HeadStrides to,
                HeadStrides from) {
  rotate(out, x, cos, sin, sign, sizes, to, from);
}
HYPERFIT_KERNEL(rotate_bfloat16, BFloat16* out, const BFloat16* x, const float* cos, const float* sin, float sign, HeadSizes sizes,
                HeadStrides to, HeadStrides from) {
  rotate(out, x, cos, sin, sign, sizes, to, from);
}

}  // namespace hyperfit::cuda
