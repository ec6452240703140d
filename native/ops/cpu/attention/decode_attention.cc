#include "ops/cpu/attention/decode_attention.h"

// One new position a row, from the outside in, with what each level keeps near:
//
//   for each row and group of up to 4 heads of one key head    queries and scores: L1    attend_heads, shared by threads
//     for each 4 positions                                     4 keys: L1, for all       Attend: score_four
//       for as many heads and positions as registers hold      their sums: registers     score_positions
//     for each head                                            its scores: L1            weigh_positions: softmax
//     for as many columns as registers hold                    their sums: registers     mix_columns
//       for each position                                      values: streamed
#include <algorithm>
#include <vector>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/lane_functions.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kProductsPerTask = 1 << 14;
constexpr int64_t kPositions = 4;  // scored together: their sums across lanes cost little more than one
constexpr int64_t kLine = 64;
constexpr int64_t kFetchedAhead = 8;  // steps of scoring whose keys are asked for before their turn

/// What fits the registers: heads whose sums are made at once; positions of G heads; sets of lanes of their mixed values, several so
/// that additions do not wait for each other.
template <class L>
constexpr int kHeadsAtOnce = L::kFit >= 32 ? kHeadsTogether : L::kFit >= 8 ? 2 : 1;
template <class L, int G>
constexpr int kPositionsAtOnce = L::kFit >= 32 || (L::kFit >= 8 && G == 1) ? kPositions : 2;
template <class L>
constexpr int kMostSets = L::kFit >= 32 ? 4 : 2;

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
inline void split_queries(float* to, const Q* q, int64_t heads, int64_t size) {
  constexpr int64_t kWidth = Words<T>::kWidth, kSets = Words<T>::kSets;
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

// P positions from `s` on by G heads from `head` on.
template <class L, int G, int P, class T>
[[gnu::always_inline]] inline void score_positions(const HeadGroup<T>& c, int64_t head, int64_t s) {
  constexpr int64_t kWidth = Words<T>::kWidth;
  constexpr int kTogether = (G * P + 3) / 4 * 4;
  const int64_t size = c.size;
  const T* keys = c.keys + s * size;
  const float* q = c.q + head * size;
  L totals[kTogether];
#pragma GCC unroll 16
  for (int j = 0; j < kTogether; ++j) totals[j] = {};
  int64_t i = 0;
  for (; i + kWidth <= size; i += kWidth) {
#pragma GCC unroll 2
    for (int set = 0; set < Words<T>::kSets; ++set) {
      L ks[P];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) ks[p] = load_set<L>(set, keys + p * size + i);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) {
        const L qs = L::load(q + g * size + i + set * kLanes);
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) totals[g * P + p] = multiply_add(totals[g * P + p], qs, ks[p]);
      }
    }
  }
  for (; i < size; i += kLanes) {
    // Filled up first, so that products and sums stand side by side and are rounded alike for every number of heads.
    L ks[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) ks[p] = load_some<L>(keys + p * size + i, size - i);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) {
      const L qs = load_some<L>(q + g * size + i, size - i);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) totals[g * P + p] = multiply_add(totals[g * P + p], qs, ks[p]);
    }
  }
  float* scores = c.scores + head * c.count + s;
#pragma GCC unroll 4
  for (int first = 0; first < kTogether; first += 4) {
    const Four across = sums(totals[first], totals[first + 1], totals[first + 2], totals[first + 3]);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      if (first + j < G * P) scores[(first + j) / P * c.count + (first + j) % P] = c.scale * across[j];
    }
  }
}

// Scores become weights that are not yet divided by their sum, which is returned.
template <class L>
[[gnu::always_inline]] inline float weigh_positions(float* scores, int64_t count, float cap) {
  if (cap > 0) softcap<L>(scores, cap, count);
  const float largest = largest_of<L>(scores, count);
  L lanes = {};
  int64_t s = 0;
  for (; s + kLanes <= count; s += kLanes) {
    const L weights = exp(L::load(scores + s) - largest);
    weights.store(scores + s);
    lanes += weights;
  }
  store_some(scores + s, exp(load_some<L>(scores + s, count - s) - largest), count - s);
  float total = 0;
  for (; s < count; ++s) total += scores[s];
  return total + sum(lanes);
}

// Columns [i, i + M sets of lanes) of the mixed values of G heads from `head` on.
template <class L, int G, int M, class T>
[[gnu::always_inline]] inline void mix_columns(const HeadGroup<T>& c, const float* totals, int64_t head, int64_t i) {
  constexpr int kSets = Words<T>::kSets;
  const int64_t size = c.size, count = c.count;
  const float* scores = c.scores + head * count;
  const T* values = c.values + i;
  L mixed[G * M];
#pragma GCC unroll 16
  for (int j = 0; j < G * M; ++j) mixed[j] = {};
  for (int64_t s = 0; s < count; ++s) {
    L weights[G];
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) weights[g] = scores[g * count + s];
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const L vs = load_set<L>(m % kSets, values + s * size + m / kSets * Words<T>::kWidth);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) mixed[g * M + m] = multiply_add(mixed[g * M + m], weights[g], vs);
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; ++g) {
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) mixed[g * M + m] = mixed[g * M + m] * (1.0f / totals[head + g]);
#pragma GCC unroll 4
    for (int m = 0; m < M; m += kSets) Words<T>::store(c.out + (head + g) * size + i + m / kSets * Words<T>::kWidth, mixed + g * M + m);
  }
}

template <class L, int G, class T>
[[gnu::always_inline]] inline void mix_values(const HeadGroup<T>& c, const float* totals, int64_t head) {
  constexpr int kSets = Words<T>::kSets, kMost = kMostSets<L>;
  constexpr int64_t kWidth = Words<T>::kWidth;
  int64_t i = 0;
  for (; i + kMost / kSets * kWidth <= c.size; i += kMost / kSets * kWidth) mix_columns<L, G, kMost>(c, totals, head, i);
  for (; i + kWidth <= c.size; i += kWidth) mix_columns<L, G, kSets>(c, totals, head, i);
  for (; i < c.size; i += kLanes) {
    for (int64_t h = head; h < head + G; ++h) {
      L mixed = {};
      for (int64_t s = 0; s < c.count; ++s)
        mixed = multiply_add(mixed, c.scores[h * c.count + s], load_some<L>(c.values + s * c.size + i, c.size - i));
      store_some(c.out + h * c.size + i, mixed * (1.0f / totals[h]), std::min(kLanes, c.size - i));
    }
  }
}

template <class L, int G, class T>
[[gnu::always_inline]] inline void score_four(const HeadGroup<T>& c, int64_t head, int64_t s) {
  constexpr int P = kPositionsAtOnce<L, G>;
  for (int64_t p = 0; p < kPositions; p += P) score_positions<L, G, P>(c, head, s + p);
}

// All heads of the group, H of them, as many at once as the registers allow.
template <int H, class T>
struct Attend {
  template <class L>
  [[gnu::always_inline]] static inline void run(const HeadGroup<T>& c) {
    constexpr int G = std::min(H, kHeadsAtOnce<L>), kWhole = H / G * G, kRest = std::max(1, H - kWhole);
    int64_t s = 0;
    for (; s + kPositions <= c.count; s += kPositions) {
      fetch(c.values + s * c.size, kPositions * c.size);
      for (int64_t h = 0; h < kWhole; h += G) score_four<L, G>(c, h, s);
      if (kWhole < H) score_four<L, kRest>(c, kWhole, s);
    }
    for (; s < c.count; ++s) {
      for (int64_t h = 0; h < kWhole; h += G) score_positions<L, G, 1>(c, h, s);
      if (kWhole < H) score_positions<L, kRest, 1>(c, kWhole, s);
    }
    float totals[H];
    for (int h = 0; h < H; ++h) totals[h] = weigh_positions<L>(c.scores + h * c.count, c.count, c.softcap);
    fetch(c.next_keys, kPositions * kFetchedAhead * c.size);
    for (int64_t h = 0; h < kWhole; h += G) mix_values<L, G>(c, totals, h);
    if (kWhole < H) mix_values<L, kRest>(c, totals, kWhole);
  }
};

template <class T>
void attend_group(const HeadGroup<T>& group, int64_t heads) {
  switch (heads) {
    case 1: return dispatch<Attend<1, T>>(group);
    case 2: return dispatch<Attend<2, T>>(group);
    case 3: return dispatch<Attend<3, T>>(group);
    default: return dispatch<Attend<4, T>>(group);
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
  parallel_for(0, c.batch * c.key_value_heads, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(attention_scratch(longest, c.head_dim));
    attend_heads(c, begin * group, end * group, scratch.data());
  });
}

template void attend_heads(const DecodeAttention<float, float>&, int64_t, int64_t, float*);
template void attend_heads(const DecodeAttention<c10::BFloat16, float>&, int64_t, int64_t, float*);
template void decode_attention(const DecodeAttention<float, float>&);
template void decode_attention(const DecodeAttention<c10::BFloat16, c10::BFloat16>&);

}  // namespace hyperfit::kernels
