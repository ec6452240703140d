#pragma once
// The skinny product with rows in the lanes (lane_transposed.h), written once and compiled as row_major_loops.h is, whose Units it takes.
// From the outside in, with what each level keeps near:
//
//   for each block of 48 outputs                   its weights: L2                   multiply_all_lane_transposed
//     for each tile of 1 to 8 outputs              its weights: L1, for all passes
//       for each pass of up to 64 rows             the pass's x: L2
//         for each of 16 lane sums                 sums of the tile: registers       multiply_lane_transposed
//           for each step                          one weight, broadcast, times 16 rows a register
//     16 x 16 outputs and rows are transposed      results: L1                       store_rows
//
// The sixteen lane sums of an output are added up as the product along the lanes adds up its sixteen lanes, pair by pair:
//
//   0 8   4 12   2 10   6 14   1 9   5 13   3 11   7 15       the order in which they are made (kOrder)
//    +      +      +      +      +     +      +      +
//       +             +             +            +            what waits is kept as the digits of a binary counter
//              +                           +
//                            +
#include <algorithm>
#include <cstring>

#include "ops/cpu/skinny_gemm/lane_transposed.h"
#include "ops/cpu/skinny_gemm/row_major_loops.h"
#include "ops/cpu/lanes/transpose.h"

namespace hyperfit::kernels {
namespace {

constexpr int kLaneSums = 16;
// Lane sums in the order in which `sums` (lanes_of.h) adds them up: neighbours first, then pairs of neighbours.
constexpr int kOrder[kLaneSums] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
constexpr int64_t kBlock = 48;  // outputs between two transpositions: a multiple of every tile's

/// How many vectors of rows are multiplied in one pass over a tile's weights: as many as there are registers for their sums.
template <class L>
constexpr int kMostInOnePass = L::kFit >= 32 ? kMostVectors : 1;
/// How many outputs, and lane sums at once, keep as many sums in registers as hide the latency of a multiplication, by vectors in a pass.
/// With two sets the words from which the second comes take registers too.
template <class Units, int V>
constexpr int kOutputs = Units::Lanes::kFit >= 32 ? (V == 1 || V == 3 ? 8 : 6) : Units::Lanes::kFit < 8 ? 2 : Units::kSets == 1 ? 6 : 4;
template <class L, int V>
constexpr int kAtOnce = L::kFit >= 32 && V <= 2 ? 2 : 1;

[[gnu::always_inline]] inline float read_word(const float* from) {
  float word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// x transposed into the lanes, steps [first, last), for V vectors in one pass: [lane sums / at once][steps][at once][sets][V vectors of rows].
template <class Units, int V, class X>
[[gnu::always_inline]] inline void store_steps(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  using L = typename Units::Lanes;
  constexpr int64_t kAt = kAtOnce<L, V>, kSets = Units::kSets;
  const int64_t steps = in / Words<X>::kWidth;
  for (int64_t step = first; step < last; ++step) {
    for (int64_t v = 0; v < V; ++v) {
      L block[kLanes];
#pragma GCC unroll 16
      for (int64_t r = 0; r < kLanes; ++r) {
        const int64_t row = v * kLanes + r;
        block[r] = row < rows ? L::load(reinterpret_cast<const float*>(x + row * in + step * Words<X>::kWidth)) : L{};
      }
      transpose(block);
#pragma GCC unroll 16
      for (int n = 0; n < kLaneSums; ++n) {
#pragma GCC unroll 2
        for (int set = 0; set < kSets; ++set) {
          Units::set(set, block[kOrder[n]]).store(lanes + ((((n / kAt * steps + step) * kAt + n % kAt) * kSets + set) * V + v) * kLanes);
        }
      }
    }
  }
}

// O outputs for V vectors of rows, to `results` [O, V vectors]. What is still to be added up waits in `waiting`, as the digits of a counter.
// `fetch`: asks for the next tile's weights meanwhile, a part with each lane sum.
template <class Units, int V, int O, class X>
[[gnu::always_inline]] inline void multiply_lane_transposed(float* results, const X* weight, const float* lanes, int64_t in, float* waiting, bool fetch) {
  using L = typename Units::Lanes;
  constexpr int kAt = kAtOnce<L, V>, kSets = Units::kSets;
  const int64_t steps = in / Words<X>::kWidth, width = steps * kLanes;  // in words, as all below
  const float *from = reinterpret_cast<const float*>(weight), *next = from + O * width;
  for (int n = 0; n < kLaneSums; n += kAt) {
    L totals[kAt * O * V];
#pragma GCC unroll 32
    for (int i = 0; i < kAt * O * V; ++i) totals[i] = {};
    const float* column = from;
    for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 2
      for (int a = 0; a < kAt; ++a) {
#pragma GCC unroll 2
        for (int set = 0; set < kSets; ++set) {
          L xs[V];
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) xs[v] = L::load(lanes + ((a * kSets + set) * V + v) * kLanes);
#pragma GCC unroll 8
          for (int o = 0; o < O; ++o) {
            const L w = Units::set(set, read_word(column + o * width + kOrder[n + a]));
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) totals[(a * O + o) * V + v] = Units::add(totals[(a * O + o) * V + v], xs[v], w);
          }
        }
      }
      lanes += kAt * kSets * V * kLanes;
      column += kLanes;
    }
    if (fetch) {
      for (int64_t line = steps * O * n / kLaneSums; line < steps * O * (n + kAt) / kLaneSums; ++line) {
        __builtin_prefetch(next + line * kLanes, 0, V == 1 ? 3 : 2);
      }
    }
    if (kAt == 2) {
#pragma GCC unroll 32
      for (int i = 0; i < O * V; ++i) totals[i] += totals[(kAt - 1) * O * V + i];
    }
    int digit = 0;
    for (int carry = n / kAt; carry & 1; carry >>= 1, ++digit) {
#pragma GCC unroll 32
      for (int i = 0; i < O * V; ++i) totals[i] = L::load(waiting + (digit * O * V + i) * kLanes) + totals[i];
    }
    float* to = n + kAt == kLaneSums ? results : waiting + digit * O * V * kLanes;
#pragma GCC unroll 32
    for (int i = 0; i < O * V; ++i) totals[i].store(to + i * kLanes);
  }
}

// Outputs [output, output + count) of y, rows from `first_row` on, from `results` [count, V vectors].
template <class L, int V, class Y, class X>
[[gnu::always_inline]] inline void store_rows(const SkinnyGemm<Y, X>& p, const float* results, int64_t first_row, int64_t output, int64_t count) {
  for (int64_t start = 0; start < count; start += kLanes) {
    const int64_t filled = std::min(kLanes, count - start);
    for (int64_t v = 0; v < V; ++v) {
      L block[kLanes];
#pragma GCC unroll 16
      for (int64_t o = 0; o < kLanes; ++o) block[o] = o < filled ? L::load(results + ((start + o) * V + v) * kLanes) : L{};
      transpose(block);
      const int64_t row = first_row + v * kLanes, rows = std::min(kLanes, p.rows - row);
      Y* to = p.y + row * p.out + output + start;
#pragma GCC unroll 16
      for (int64_t r = 0; r < kLanes; ++r) {
        if (r >= rows) continue;
        if (filled == kLanes) {
          block[r].store(to + r * p.out);
        } else {
          store_some(to + r * p.out, block[r], filled);
        }
      }
    }
  }
}

/// Floats of x lanes for one pass of V vectors. Passes follow each other.
template <class Units, int V, class X>
[[gnu::always_inline]] inline int64_t pass_size(int64_t in) {
  return in / Words<X>::kWidth * kLaneSums * Units::kSets * V * kLanes;
}

/// Stores steps of x [rows, in] for passes of V vectors.
template <class Units, int V, class X>
[[gnu::always_inline]] inline void store_all_steps(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  for (int64_t row = 0; row < rows; row += V * kLanes, lanes += pass_size<Units, V, X>(in)) {
    store_steps<Units, V>(lanes, x + row * in, rows - row, in, first, last);
  }
}

/// Columns [first, last) of y in passes of V vectors of rows. A tile's weights stay in the nearest cache from pass to pass.
template <class Units, int V, class Y, class X>
[[gnu::always_inline]] inline void multiply_all_lane_transposed(const SkinnyGemm<Y, X>& p, const float* lanes, int64_t first, int64_t last) {
  using L = typename Units::Lanes;
  constexpr int O = kOutputs<Units, V>;
  constexpr int64_t kRows = V * kLanes;
  const int64_t passes = (p.rows + kRows - 1) / kRows, size = pass_size<Units, V, X>(p.in);
  alignas(64) float results[kMostVectors / V][kBlock * kRows], waiting[4 * O * kRows];
  for (int64_t block = first; block < last; block += kBlock) {
    const int64_t count = std::min(kBlock, last - block);
    const X* weight = p.weight + block * p.in;
    int64_t o = 0;
    for (; o + O <= count; o += O) {
      for (int64_t i = 0; i < passes; ++i) multiply_lane_transposed<Units, V, O>(results[i] + o * kRows, weight + o * p.in, lanes + i * size, p.in, waiting, i == 0);
    }
    for (; o < count; ++o) {
      for (int64_t i = 0; i < passes; ++i) multiply_lane_transposed<Units, V, 1>(results[i] + o * kRows, weight + o * p.in, lanes + i * size, p.in, waiting, i == 0);
    }
    for (int64_t i = 0; i < passes; ++i) store_rows<L, V>(p, results[i], i * kRows, block, count);
  }
}

}  // namespace
}  // namespace hyperfit::kernels
