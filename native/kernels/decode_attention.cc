#include "kernels/decode_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "kernels/dispatch.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kProductsPerTask = 1 << 14;

// scores[s] = scale q . k[s]; returns the largest.
template <class T>
[[gnu::always_inline]] inline float score_positions(float* scores, const T* q, const T* keys, int64_t count, int64_t size, float scale) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t s = 0; s < count; ++s) {
    scores[s] = scale * dot(q, keys + s * size, size);
    largest = std::max(largest, scores[s]);
  }
  return largest;
}

// Scores become weights that are not yet divided by their sum, which is returned.
[[gnu::always_inline]] inline float weigh_positions(float* scores, int64_t count, float largest) {
  float total = 0;
  for (int64_t s = 0; s < count; s += kLanes) {
    Lanes block = {};
    const int64_t filled = std::min(kLanes, count - s);
    for (int64_t lane = 0; lane < filled; ++lane) block[lane] = scores[s + lane] - largest;
    const Lanes weights = exp(block);
    for (int64_t lane = 0; lane < filled; ++lane) total += scores[s + lane] = weights[lane];
  }
  return total;
}

template <class T>
[[gnu::always_inline]] inline void mix_values(T* out, const float* weights, const T* values, int64_t count, int64_t size, float divisor) {
  const float scale = 1.0f / divisor;
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    Lanes mixed = {};
    for (int64_t s = 0; s < count; ++s) mixed += weights[s] * load(values + s * size + i);
    store(out + i, mixed * scale);
  }
  for (; i < size; ++i) {
    float mixed = 0;
    for (int64_t s = 0; s < count; ++s) mixed += weights[s] * static_cast<float>(values[s * size + i]);
    out[i] = mixed * scale;
  }
}

// One query head over its `count` positions; `scores` is scratch of that length.
template <class T>
HYPERFIT_KERNEL void attend(T* out, const T* q, const T* keys, const T* values, float* scores, int64_t count, int64_t size, float scale) {
  const float largest = score_positions(scores, q, keys, count, size, scale);
  const float total = weigh_positions(scores, count, largest);
  mix_values(out, scores, values, count, size, total);
}

}  // namespace

template <class T>
void decode_attention(const DecodeAttention<T>& c) {
  const auto batch = static_cast<int64_t>(c.first.size());
  const int64_t group = c.heads / c.key_value_heads;
  const int64_t longest = *std::max_element(c.last.begin(), c.last.end()) + 1;
  const int64_t grain = std::max<int64_t>(1, kProductsPerTask / (longest * c.head_dim));
  at::parallel_for(0, batch * c.heads, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> scores(longest);
    for (int64_t index = begin; index < end; ++index) {
      const int64_t row = index / c.heads, head = index % c.heads, first = c.first[row];
      const int64_t start = row * c.batch_stride + head / group * c.head_stride + first * c.head_dim;
      attend(c.out + index * c.head_dim, c.q + index * c.head_dim, c.keys + start, c.values + start, scores.data(),
             c.last[row] + 1 - first, c.head_dim, c.scale);
    }
  });
}

template void decode_attention(const DecodeAttention<float>&);
template void decode_attention(const DecodeAttention<c10::BFloat16>&);

}  // namespace hyperfit::kernels
