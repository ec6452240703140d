#include "kernels/few_rows_across.h"

#include <algorithm>

#include "kernels/lane_functions.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HYPERFIT_ACROSS __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")))
#endif

namespace hyperfit::kernels {

#ifdef HYPERFIT_ACROSS
namespace {

constexpr int kLaneSums = 16;
// Lane sums in the order in which `sums` (lanes.h) adds them up: neighbours first, then pairs of neighbours.
constexpr int kOrder[kLaneSums] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
constexpr int64_t kBlock = 48;  // outputs between two transpositions: a multiple of every tile's
constexpr int64_t kMostVectors = 4;

// A number of 32 bits holds one float or a pair of bfloat16.
template <class X>
constexpr int64_t kInputsPerNumber = sizeof(float) / sizeof(X);
template <class X>
constexpr int64_t kInputsPerStep = kLanes * kInputsPerNumber<X>;

// How many outputs, and lane sums at once, keep as many sums in registers as hide the latency of a multiplication, by vectors of rows.
template <int V>
constexpr int kOutputs = V == 1 || V == 3 ? 8 : 6;
template <int V>
constexpr int kAtOnce = V <= 2 ? 2 : 1;

int64_t vectors(int64_t rows) { return (rows + kLanes - 1) / kLanes; }

template <class X>
HYPERFIT_ACROSS [[gnu::always_inline]] inline Lanes multiply_add(const Lanes& total, const Lanes& x, const float* weight);
template <>
HYPERFIT_ACROSS [[gnu::always_inline]] inline Lanes multiply_add<float>(const Lanes& total, const Lanes& x, const float* weight) {
  return (Lanes)_mm512_fmadd_ps((__m512)x, _mm512_set1_ps(*weight), (__m512)total);
}
template <>
HYPERFIT_ACROSS [[gnu::always_inline]] inline Lanes multiply_add<c10::BFloat16>(const Lanes& total, const Lanes& x, const float* weight) {
  return (Lanes)_mm512_dpbf16_ps((__m512)total, (__m512bh)x, (__m512bh)_mm512_set1_ps(*weight));
}

// Four rounds of the perfect shuffle turn rows into columns.
HYPERFIT_ACROSS [[gnu::always_inline]] inline void transpose(Lanes (&rows)[kLanes]) {
#pragma GCC unroll 4
  for (int round = 0; round < 4; ++round) {
    Lanes next[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
}

// x across: [lane sums / at once][steps][at once][V vectors of rows].
template <int V, class X>
HYPERFIT_ACROSS void store_steps(float* across, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  constexpr int64_t kAt = kAtOnce<V>;
  const int64_t steps = in / kInputsPerStep<X>;
  for (int64_t step = first; step < last; ++step) {
    for (int64_t v = 0; v < V; ++v) {
      Lanes block[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) {
        const int64_t row = v * kLanes + r;
        block[r] = row < rows ? load(reinterpret_cast<const float*>(x + row * in + step * kInputsPerStep<X>)) : Lanes{};
      }
      transpose(block);
      for (int n = 0; n < kLaneSums; ++n) {
        store(across + (((n / kAt * steps + step) * kAt + n % kAt) * V + v) * kLanes, block[kOrder[n]]);
      }
    }
  }
}

// O outputs for all rows, to `sums` [O, V vectors]. What is still to be added up waits in `waiting`, as the digits of a counter.
// Meanwhile the next tile's weights are asked for, a part with each lane sum.
template <int V, int O, class X>
HYPERFIT_ACROSS [[gnu::always_inline]] inline void multiply_tile(float* sums, const X* weight, const float* across, int64_t in, Lanes* waiting) {
  constexpr int kAt = kAtOnce<V>;
  const int64_t steps = in / kInputsPerStep<X>, width = in / kInputsPerNumber<X>;  // in numbers of 32 bits, as all below
  const float *from = reinterpret_cast<const float*>(weight), *next = from + O * width;
  for (int n = 0; n < kLaneSums; n += kAt) {
    Lanes totals[kAt][O][V];
#pragma GCC unroll 2
    for (int a = 0; a < kAt; ++a) {
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) totals[a][o][v] = Lanes{};
      }
    }
    const float* column = from;
    for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 2
      for (int a = 0; a < kAt; ++a) {
        Lanes xs[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) xs[v] = load(across + (a * V + v) * kLanes);
#pragma GCC unroll 8
        for (int o = 0; o < O; ++o) {
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) totals[a][o][v] = multiply_add<X>(totals[a][o][v], xs[v], column + o * width + kOrder[n + a]);
        }
      }
      across += kAt * V * kLanes;
      column += kLanes;
    }
    for (int64_t line = steps * O * n / kLaneSums; line < steps * O * (n + kAt) / kLaneSums; ++line) {
      __builtin_prefetch(next + line * kLanes, 0, V == 1 ? 3 : 2);
    }
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        Lanes total = totals[0][o][v];
        if (kAt == 2) total += totals[kAt - 1][o][v];
        totals[0][o][v] = total;
      }
    }
    int digit = 0;
    for (int carry = n / kAt; carry & 1; carry >>= 1, ++digit) {
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) totals[0][o][v] = waiting[(digit * O + o) * V + v] + totals[0][o][v];
      }
    }
    const bool done = n + kAt == kLaneSums;
    float* to = done ? sums : reinterpret_cast<float*>(waiting + digit * O * V);
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) store(to + (o * V + v) * kLanes, totals[0][o][v]);
    }
  }
}

// Outputs [output, output + count) of y from `sums` [count, V vectors].
template <int V, class Y, class X>
HYPERFIT_ACROSS void store_rows(const FewRowsProduct<Y, X>& p, const float* sums, int64_t output, int64_t count) {
  for (int64_t start = 0; start < count; start += kLanes) {
    const int64_t filled = std::min(kLanes, count - start);
    for (int64_t v = 0; v < V; ++v) {
      Lanes block[kLanes];
      for (int64_t o = 0; o < kLanes; ++o) block[o] = o < filled ? load(sums + ((start + o) * V + v) * kLanes) : Lanes{};
      transpose(block);
      const int64_t rows = std::min(kLanes, p.rows - v * kLanes);
      for (int64_t r = 0; r < rows; ++r) {
        Y* to = p.y + (v * kLanes + r) * p.out + output + start;
        if (filled == kLanes) {
          store(to, block[r]);
        } else {
          store_some(to, block[r], filled);
        }
      }
    }
  }
}

template <int V, class Y, class X>
HYPERFIT_ACROSS void multiply_columns(const FewRowsProduct<Y, X>& p, const float* across, int64_t first, int64_t last) {
  constexpr int O = kOutputs<V>;
  alignas(64) float sums[kBlock * V * kLanes];
  Lanes waiting[4 * O * V];
  for (int64_t block = first; block < last; block += kBlock) {
    const int64_t count = std::min(kBlock, last - block);
    int64_t o = 0;
    for (; o + O <= count; o += O) multiply_tile<V, O>(sums + o * V * kLanes, p.weight + (block + o) * p.in, across, p.in, waiting);
    for (; o < count; ++o) multiply_tile<V, 1>(sums + o * V * kLanes, p.weight + (block + o) * p.in, across, p.in, waiting);
    store_rows<V>(p, sums, block, count);
  }
}

// Calls body.operator()<V>() for the vectors that so many rows fill.
template <class Body>
void by_vectors(int64_t rows, const Body& body) {
  switch (vectors(rows)) {
    case 1: return body.template operator()<1>();
    case 2: return body.template operator()<2>();
    case 3: return body.template operator()<3>();
    default: return body.template operator()<4>();
  }
}

}  // namespace

template <class X>
bool can_go_across(int64_t rows, int64_t in) {
  static const bool kWide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl") && (sizeof(X) == sizeof(float) || has_bfloat16_products());
  return kWide && rows >= kAcrossFrom && rows <= kMostVectors * kLanes && in % kInputsPerStep<X> == 0;
}

template <class X>
int64_t across_size(int64_t rows, int64_t in) {
  return vectors(rows) * kLanes * in / kInputsPerNumber<X>;
}

template <class X>
int64_t across_steps(int64_t in) {
  return in / kInputsPerStep<X>;
}

template <class X>
void store_across(float* across, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  by_vectors(rows, [&]<int V>() { store_steps<V>(across, x, rows, in, first, last); });
}

template <class Y, class X>
void across_columns(const FewRowsProduct<Y, X>& product, const float* across, int64_t first, int64_t last) {
  by_vectors(product.rows, [&]<int V>() { multiply_columns<V>(product, across, first, last); });
}
#else
template <class X>
bool can_go_across(int64_t, int64_t) {
  return false;
}
template <class X>
int64_t across_size(int64_t, int64_t) {
  return 0;
}
template <class X>
int64_t across_steps(int64_t) {
  return 0;
}
template <class X>
void store_across(float*, const X*, int64_t, int64_t, int64_t, int64_t) {}
template <class Y, class X>
void across_columns(const FewRowsProduct<Y, X>&, const float*, int64_t, int64_t) {}
#endif

#define HYPERFIT_ACROSS_OF(X)                                                           \
  template bool can_go_across<X>(int64_t, int64_t);                                     \
  template int64_t across_size<X>(int64_t, int64_t);                                    \
  template int64_t across_steps<X>(int64_t);                                            \
  template void store_across(float*, const X*, int64_t, int64_t, int64_t, int64_t);     \
  template void across_columns(const FewRowsProduct<float, X>&, const float*, int64_t, int64_t);       \
  template void across_columns(const FewRowsProduct<c10::BFloat16, X>&, const float*, int64_t, int64_t);
HYPERFIT_ACROSS_OF(float)
HYPERFIT_ACROSS_OF(c10::BFloat16)
#undef HYPERFIT_ACROSS_OF

}  // namespace hyperfit::kernels
