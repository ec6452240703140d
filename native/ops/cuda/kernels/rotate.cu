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

template <class T>
HYPERFIT_FUNCTION void copy(T* to, const T* from, Index size, int lane) {
  for (Index i = lane; i < size; i += kWarp) to[i] = from[i];
}

/// One head at its row's position in a cache.
HYPERFIT_FUNCTION Index in_cache(const HeadStrides& cache, Index batch, Index head, Index position) {
  return batch * cache.batch + head * cache.head + position * cache.position;
}

/// Query heads are turned into `out`, key heads into the cache, and value heads copied there. Strides are read where they stand: a choice
/// among them by reference would be memory of each thread's own.
template <class T>
HYPERFIT_FUNCTION void rotate_token(T* out, T* keys, T* values, const T* q, const T* k, const T* v, const float* cos, const float* sin,
                                    const Index* positions, const TokenSizes& sizes, const TokenStrides& strides) {
  const auto of_row = static_cast<unsigned>(sizes.heads + 2 * sizes.kv), count = static_cast<unsigned>(sizes.batch) * of_row;
  each_thread([&](int thread) {
    const int lane = thread % kWarp;
    for (unsigned one = static_cast<unsigned>(block_index()) * kWarps + thread / kWarp; one < count; one += block_count() * kWarps) {
      const Index batch = one / of_row, place = one % of_row, key = place - sizes.heads, value = key - sizes.kv,
                  position = positions[batch];
      if (value >= 0) {
        copy(values + in_cache(strides.values, batch, value, position), v + batch * strides.v.batch + value * strides.v.head, sizes.size,
             lane);
        continue;
      }
      T* to = key < 0 ? out + (batch * sizes.heads + place) * sizes.size : keys + in_cache(strides.keys, batch, key, position);
      const T* from = key < 0 ? q + batch * strides.q.batch + place * strides.q.head : k + batch * strides.k.batch + key * strides.k.head;
      if (cos == nullptr) {
        copy(to, from, sizes.size, lane);
      } else {
        turn<1>(Head<T>{to, from, cos + batch * sizes.angle_batch, sin + batch * sizes.angle_batch}, 1.0f, sizes.size / 2, lane);
      }
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

#define HYPERFIT_DEFINE(type, T)                                                                                                           \
  HYPERFIT_KERNEL(rotate_token_##type, T* out, T* keys, T* values, const T* q, const T* k, const T* v, const float* cos, const float* sin, \
                  const Index* positions, TokenSizes sizes, TokenStrides strides) {                                                        \
    rotate_token(out, keys, values, q, k, v, cos, sin, positions, sizes, strides);                                                         \
  }
HYPERFIT_DEFINE(float32, float)
HYPERFIT_DEFINE(bfloat16, BFloat16)
#undef HYPERFIT_DEFINE

}  // namespace hyperfit::cuda
