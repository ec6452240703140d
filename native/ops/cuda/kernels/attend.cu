// Attention of one new position a row over what is cached: each part of kThreads positions by a block of its own, then all parts of a head.
#include "soft_max.h"

namespace hyperfit::cuda {

constexpr int kElements = 4;  // of a head that are handled together

/// The cached positions of one block: from `first` to before `end`, of which there may be none.
struct Part {
  Index first, end;
};

HYPERFIT_FUNCTION Part part_of(Index position, Index window, Index split) {
  const Index lowest = window > 0 && position >= window ? position - window + 1 : 0;
  const Index start = split * kThreads, stop = start + kThreads;
  return {start < lowest ? lowest : start, stop <= position ? stop : position + 1};
}

HYPERFIT_FUNCTION float capped(float score, float softcap) { return softcap > 0 ? softcap * tanhf(score / softcap) : score; }

template <int N, class T>
HYPERFIT_FUNCTION float dot(const float* query, const T* key, Index size) {
  float sum = 0;
#pragma unroll 2
  for (Index i = 0; i < size; i += N) {
    float values[N];
    load(values, key + i);
#pragma unroll
    for (int j = 0; j < N; ++j) sum += query[i + j] * values[j];
  }
  return sum;
}

/// The mixture of values in the order of positions, a group of threads every so many of them; `weights` begins with the part's first.
template <int N, class T>
HYPERFIT_FUNCTION void mix(float* to, float* sums, const float* weights, const T* values, Index count, Index step, Index size) {
  const int columns = static_cast<int>(size / N), groups = kThreads / columns;
  each_thread([&](int thread) {
    const int group = thread / columns;
    if (group >= groups) return;
    float mixed[N] = {};
#pragma unroll 2
    for (Index i = group; i < count; i += groups) {
      float value[N];
      load(value, values + i * step + thread % columns * N);
#pragma unroll
      for (int j = 0; j < N; ++j) mixed[j] += weights[i] * value[j];
    }
#pragma unroll
    for (int j = 0; j < N; ++j) sums[thread * N + j] = mixed[j];
  });
  barrier();
  each_thread([&](int thread) {
    for (int i = thread; i < size; i += kThreads) {
      float sum = 0;
      for (int group = 0; group < groups; ++group) sum += sums[group * columns * N + i];
      to[i] = sum;
    }
  });
}

template <int N, class T>
HYPERFIT_FUNCTION void attend_part(float* to, const T* q, const T* k, const T* v, const Part& part, float scale, float softcap,
                                   const AttendSizes& sizes, Index key_step, Index value_step) {
  HYPERFIT_SHARED float query[kMostHeadSize], weights[kThreads], sums[kThreads * kElements];
  each_thread([&](int thread) {
    for (int i = thread; i < sizes.size; i += kThreads) query[i] = float_of(q[i]);
  });
  barrier();
  const auto score = [&](int thread) {
    const bool looks = part.first + thread < part.end;
    const float found = looks ? capped(scale * dot<N>(query, k + thread * key_step, sizes.size), softcap) : -kInfinity;
    weights[thread] = found;
    return MaxSum{found, looks ? 1.0f : 0.0f};
  };
  const MaxSum total = gather<MaxSum>(score, [](const MaxSum& a, const MaxSum& b) { return join(a, b); });
  each_thread([&](int thread) {
    weights[thread] = exp_below(weights[thread], total.max);
    if (thread > 0) return;
    to[0] = total.max;
    to[1] = total.sum;
  });
  barrier();
  mix<N>(to + 2, sums, weights, v, part.end - part.first, value_step, sizes.size);
  barrier();  // the next part writes to the same memory
}

template <class T>
HYPERFIT_FUNCTION void attend(float* parts, const T* q, const T* k, const T* v, const Index* positions, float scale, float softcap,
                              Index window, const AttendSizes& sizes, const HeadStrides& keys, const HeadStrides& values) {
  const bool wide = sizes.size % kElements == 0 && is_aligned<kElements>(k) && is_aligned<kElements>(v) && divides(kElements, keys) &&
                    divides(kElements, values);
  for (Index block = block_index(); block < sizes.batch * sizes.heads * sizes.splits; block += block_count()) {
    const Index row = block / sizes.splits, batch = row / sizes.heads, head = row % sizes.heads / sizes.group;
    const Part part = part_of(positions[batch], window, block % sizes.splits);
    const T* key = k + batch * keys.batch + head * keys.head + part.first * keys.position;
    const T* value = v + batch * values.batch + head * values.head + part.first * values.position;
    float* to = parts + block * (2 + sizes.size);
    wide ? attend_part<kElements>(to, q + row * sizes.size, key, value, part, scale, softcap, sizes, keys.position, values.position)
         : attend_part<1>(to, q + row * sizes.size, key, value, part, scale, softcap, sizes, keys.position, values.position);
  }
}

template <class T>
HYPERFIT_FUNCTION void attend_parts(T* out, const float* parts, const AttendSizes& sizes) {
  const Index step = 2 + sizes.size;
  for (Index row = block_index(); row < sizes.batch * sizes.heads; row += block_count()) {
    const float* of_row = parts + row * sizes.splits * step;
    each_thread([&](int thread) {
      MaxSum total{-kInfinity, 0};
      for (Index split = 0; split < sizes.splits; ++split) total = join(total, {of_row[split * step], of_row[split * step + 1]});
      for (int i = thread; i < sizes.size; i += kThreads) {
        float mixed = 0;
        for (Index split = 0; split < sizes.splits; ++split)
          mixed += exp_below(of_row[split * step], total.max) * of_row[split * step + 2 + i];
        assign(out[row * sizes.size + i], mixed / total.sum);
      }
    });
  }
}

#define HYPERFIT_DEFINE(type, T)                                                                                                       \
  HYPERFIT_KERNEL(attend_##type, float* parts, const T* q, const T* k, const T* v, const Index* positions, float scale, float softcap, \
                  Index window, AttendSizes sizes, HeadStrides keys, HeadStrides values) {                                             \
    attend(parts, q, k, v, positions, scale, softcap, window, sizes, keys, values);                                                    \
  }                                                                                                                                    \
  HYPERFIT_KERNEL(attend_parts_##type, T* out, const float* parts, AttendSizes sizes) { attend_parts(out, parts, sizes); }
HYPERFIT_DEFINE(float32, float)
HYPERFIT_DEFINE(bfloat16, BFloat16)
#undef HYPERFIT_DEFINE

}  // namespace hyperfit::cuda
