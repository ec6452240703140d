#include "kernels/decode_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/lane_functions.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kProductsPerTask = 1 << 14;
constexpr int64_t kPositions = 4;  // scored together: their sums across lanes cost little more than one
constexpr int kMostSets = 4;       // sets of lanes of a value mixed together, so that additions do not wait for each other
constexpr int64_t kLine = 64;
constexpr int64_t kFetchedAhead = 8;  // steps of scoring whose keys are asked for before their turn

// Query heads that share a key head, over positions [0, count); strides in elements. The caller multiplies one group after the other.
template <class T>
struct HeadGroup {
  T* out;
  const float* q;  // [heads, size] as `split_queries` leaves them
  const T *keys, *values;
  const T* next_keys;  // of the group that follows
  float* scores;       // [heads, count]
  int64_t count, size;
  float scale, softcap;
};

// Whole loads of a head are kept set by set, the rest as it stands.
template <class T, class Q>
[[gnu::always_inline]] inline void split_queries(float* to, const Q* q, int64_t heads, int64_t size) {
  constexpr int64_t kWidth = Parts<T>::kWidth, kSets = Parts<T>::kSets;
  for (int64_t h = 0; h < heads; ++h, to += size, q += size) {
    int64_t i = 0;
    for (; i + kWidth <= size; i += kWidth) {
      for (int64_t j = 0; j < kWidth; ++j) to[i + j % kSets * kLanes + j / kSets] = q[i + j];
    }
    for (; i < size; ++i) to[i] = q[i];
  }
}

// What is read next, while memory has nothing else to do.
template <class T>
[[gnu::always_inline]] inline void fetch(const T* from, int64_t count) {
  const char* bytes = reinterpret_cast<const char*>(from);
  for (int64_t b = 0; b < static_cast<int64_t>(count * sizeof(T)); b += kLine) __builtin_prefetch(bytes + b);
}

template <class X>
[[gnu::always_inline]] inline void fill_up(float (&to)[kLanes], const X* from, int64_t count) {
  for (int64_t i = 0; i < kLanes; ++i) to[i] = i < count ? static_cast<float>(from[i]) : 0.0f;
}

// P positions from `s` on by G heads.
template <int G, int P, class T>
[[gnu::always_inline]] inline void score_positions(const HeadGroup<T>& c, int64_t s) {
  constexpr int kSets = Parts<T>::kSets;
  const int64_t size = c.size;
  const T* keys = c.keys + s * size;
  Lanes totals[G][kPositions];
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g) {
#pragma GCC unroll 4
    for (int p = 0; p < kPositions; ++p) totals[g][p] = Lanes{};
  }
  int64_t i = 0;
  for (; i + Parts<T>::kWidth <= size; i += Parts<T>::kWidth) {
    Lanes ks[P][kSets];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) Parts<T>::load(ks[p], keys + p * size + i);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) {
#pragma GCC unroll 2
      for (int set = 0; set < kSets; ++set) {
        const Lanes qs = load(c.q + g * size + i + set * kLanes);
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) totals[g][p] += qs * ks[p][set];
      }
    }
  }
  for (; i < size; i += kLanes) {
    // Filled up first, so that products and sums stand side by side and are rounded alike for every number of heads.
    float last_q[G][kLanes], last_keys[P][kLanes];
    for (int g = 0; g < G; ++g) fill_up(last_q[g], c.q + g * size + i, size - i);
    for (int p = 0; p < P; ++p) fill_up(last_keys[p], keys + p * size + i, size - i);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) {
      const Lanes qs = load(last_q[g]);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) totals[g][p] += qs * load(last_keys[p]);
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g) {
    const Four across = sums(totals[g][0], totals[g][1], totals[g][2], totals[g][3]);
    float* scores = c.scores + g * c.count + s;
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) scores[p] = c.scale * across[p];
  }
}

// Scores become weights that are not yet divided by their sum, which is returned.
[[gnu::always_inline]] inline float weigh_positions(float* scores, int64_t count, float cap) {
  if (cap > 0) softcap(scores, cap, count);
  const float largest = largest_of(scores, count);
  Lanes lanes = {};
  int64_t s = 0;
  for (; s + kLanes <= count; s += kLanes) {
    const Lanes weights = exp(load(scores + s) - largest);
    store(scores + s, weights);
    lanes += weights;
  }
  const Lanes weights = exp(load_some(scores + s, count - s) - largest);
  float total = 0;
  for (int64_t lane = 0; s + lane < count; ++lane) total += scores[s + lane] = weights[lane];
  return total + sum(lanes);
}

// Columns [i, i + L loads) of the mixed values of G heads.
template <int G, int L, class T>
[[gnu::always_inline]] inline void mix_columns(const HeadGroup<T>& c, const float* totals, int64_t i) {
  constexpr int kSets = Parts<T>::kSets;
  const int64_t size = c.size, count = c.count;
  const float* scores = c.scores;
  const T* values = c.values + i;
  Lanes mixed[G][L * kSets];
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g) {
#pragma GCC unroll 4
    for (int set = 0; set < L * kSets; ++set) mixed[g][set] = Lanes{};
  }
  for (int64_t s = 0; s < count; ++s) {
    Lanes vs[L * kSets];
#pragma GCC unroll 4
    for (int l = 0; l < L; ++l) Parts<T>::load(vs + l * kSets, values + s * size + l * Parts<T>::kWidth);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) {
      const float weight = scores[g * count + s];
#pragma GCC unroll 4
      for (int set = 0; set < L * kSets; ++set) mixed[g][set] += weight * vs[set];
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g) {
#pragma GCC unroll 4
    for (int set = 0; set < L * kSets; ++set) mixed[g][set] *= 1.0f / totals[g];
#pragma GCC unroll 4
    for (int l = 0; l < L; ++l) Parts<T>::store(c.out + g * size + i + l * Parts<T>::kWidth, mixed[g] + l * kSets);
  }
}

template <int G, class T>
[[gnu::always_inline]] inline void mix_values(const HeadGroup<T>& c, const float* totals) {
  constexpr int kMostLoads = kMostSets / Parts<T>::kSets;
  constexpr int64_t kWidth = Parts<T>::kWidth;
  int64_t i = 0;
  for (; i + kMostLoads * kWidth <= c.size; i += kMostLoads * kWidth) mix_columns<G, kMostLoads>(c, totals, i);
  for (; i + kWidth <= c.size; i += kWidth) mix_columns<G, 1>(c, totals, i);
  for (; i < c.size; i += kLanes) {
    for (int g = 0; g < G; ++g) {
      Lanes mixed = {};
      float last[kLanes];
      for (int64_t s = 0; s < c.count; ++s) {
        fill_up(last, c.values + s * c.size + i, c.size - i);
        mixed += c.scores[g * c.count + s] * load(last);
      }
      store_some(c.out + g * c.size + i, mixed * (1.0f / totals[g]), std::min(kLanes, c.size - i));
    }
  }
}

template <int G, class T>
HYPERFIT_KERNEL void attend(const HeadGroup<T>& c) {
  int64_t s = 0;
  for (; s + kPositions <= c.count; s += kPositions) {
    fetch(c.values + s * c.size, kPositions * c.size);
    score_positions<G, kPositions>(c, s);
  }
  for (; s < c.count; ++s) score_positions<G, 1>(c, s);
  float totals[G];
  for (int g = 0; g < G; ++g) totals[g] = weigh_positions(c.scores + g * c.count, c.count, c.softcap);
  fetch(c.next_keys, kPositions * kFetchedAhead * c.size);
  mix_values<G>(c, totals);
}

template <class T>
void attend_group(const HeadGroup<T>& group, int64_t heads) {
  switch (heads) {
    case 1: return attend<1>(group);
    case 2: return attend<2>(group);
    case 3: return attend<3>(group);
    default: return attend<4>(group);
  }
}

template <class T, class Q>
const T* keys_of(const DecodeAttention<T, Q>& c, int64_t index) {
  const int64_t row = index / c.heads, head = index % c.heads;
  return c.keys + row * c.batch_stride + head / (c.heads / c.key_value_heads) * c.head_stride + c.first[row] * c.head_dim;
}

}  // namespace

template <class T, class Q>
void attend_heads(const DecodeAttention<T, Q>& c, int64_t begin, int64_t end, float* scratch) {
  const int64_t group = c.heads / c.key_value_heads, size = c.head_dim;
  float *queries = scratch, *scores = scratch + kHeadsTogether * size;
  for (int64_t index = begin; index < end;) {
    const int64_t row = index / c.heads;
    const int64_t together = std::min({kHeadsTogether, end - index, group - index % c.heads % group});
    const T *keys = keys_of(c, index), *next_keys = index + together < end ? keys_of(c, index + together) : keys;
    split_queries<T>(queries, c.q + index * size, together, size);
    attend_group(HeadGroup<T>{c.out + index * size, queries, keys, c.values + (keys - c.keys), next_keys, scores,
                              c.last[row] + 1 - c.first[row], size, c.scale, c.softcap},
                 together);
    index += together;
  }
}

template <class T, class Q>
void decode_attention(const DecodeAttention<T, Q>& c) {
  const int64_t longest = *std::max_element(c.last, c.last + c.batch) + 1, group = c.heads / c.key_value_heads;
  const int64_t grain = std::max<int64_t>(1, kProductsPerTask / (longest * c.head_dim * group));
  at::parallel_for(0, c.batch * c.key_value_heads, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(attention_scratch(longest, c.head_dim));
    attend_heads(c, begin * group, end * group, scratch.data());
  });
}

template void attend_heads(const DecodeAttention<float, float>&, int64_t, int64_t, float*);
template void attend_heads(const DecodeAttention<c10::BFloat16, float>&, int64_t, int64_t, float*);
template void decode_attention(const DecodeAttention<float, float>&);
template void decode_attention(const DecodeAttention<c10::BFloat16, c10::BFloat16>&);

}  // namespace hyperfit::kernels
