#pragma once
// The skinny product with rows in the lanes (lane_transposed.h), written once and compiled as row_major_loops.h is, whose Units it takes.
// From the outside in, with what each level keeps near:
//
//   for each block of 48 outputs                   its weights: L2                   multiply_all_lane_transposed
//     for each tile of 1 to 8 outputs                                                multiply_tile_of_lanes
//       for each block of steps                    the tile's weights: L1, for all passes
//         for each pass of up to 64 rows           the pass's x: L2
//           for each of 16 lane sums               sums of the tile: registers       multiply_lane_transposed
//             for each step                        one weight, broadcast, times 8 or 16 rows
//     outputs and rows are transposed              results: L1                       store_rows
//
// A vector is of 16 rows; of 8 where a register holds no more and there are no more rows.
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
#include <type_traits>

#include "ops/cpu/skinny_gemm/lane_transposed.h"
#include "ops/cpu/skinny_gemm/row_major_loops.h"
#include "ops/cpu/lanes/transpose.h"
#include "ops/cpu/float32_gemm/avx2_sums.h"

namespace hyperfit::kernels {
namespace {

constexpr int kLaneSums = 16;
// Lane sums in the order in which `sums` (lanes_of.h) adds them up: neighbours first, then pairs of neighbours. The place of lane sum k is
// kOrder[k] too.
constexpr int kOrder[kLaneSums] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
constexpr int64_t kBlock = 48;  // outputs between two transpositions: a multiple of every tile's

/// Passes of V vectors that the most rows take.
template <class L, int V>
constexpr int64_t kMostPasses = kMostVectors * kLanes / (V * L::kCount);
/// How many outputs, and lane sums at once, keep as many sums in registers as hide the latency of a multiplication, by vectors in a pass.
/// With two sets the words from which the second comes take registers too.
template <class Units, int V>
constexpr int kOutputs = Units::Lanes::kFit >= 32 ? (V == 1 || V == 3 ? 8 : 6) : Units::Lanes::kFit < 8 ? 2 : Units::kSets == 1 ? 6 : 4;
template <class L, int V>
constexpr int kAtOnce = L::kFit >= 16 && V <= 2 ? 2 : 1;

/// Lines of a tile's weights that the nearest cache holds beside what passes through it: of few rows x and the next tile's weights too.
template <class L>
constexpr int64_t kNearLines = L::kFit >= 32 ? 600 : L::kFit >= 16 ? 120 : 300;

/// Steps [first, last) of every lane sum: a block, whose weights stay near.
struct Steps {
  int64_t first, last;
};

/// How steps are shared out to blocks.
template <class Units, int V>
class StepBlocks {
 public:
  [[gnu::always_inline]] inline explicit StepBlocks(int64_t steps) : steps_(steps) {
    constexpr int64_t kMost = kNearLines<typename Units::Lanes> / kOutputs<Units, V>;
    const int64_t blocks = (steps + kMost - 1) / kMost;
    size_ = ((steps + blocks - 1) / blocks + kTurn - 1) / kTurn * kTurn;
  }
  [[gnu::always_inline]] inline Steps of(int64_t step) const {
    const int64_t first = step / size_ * size_;
    return {first, std::min(steps_, first + size_)};
  }

 private:
  static constexpr int64_t kTurn = 4;  // steps that add_turns takes at once, so that it leaves few over
  int64_t steps_, size_;
};

/// Sums of a tile [O, V vectors] that are not complete: of the blocks so far [lane sums]; of lane sums that wait for others, as a counter's
/// digits.
struct TileSums {
  float *kept, *waiting;
};

[[gnu::always_inline]] inline float read_word(const float* from) {
  float word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// x transposed into the lanes, steps [first, last), for V vectors in one pass: of each block of steps [lane sums / at once][steps][at once]
// [sets][V vectors of rows], so that what passes through the cache lies in order.
template <class Units, int V, class X>
[[gnu::always_inline]] inline void store_steps(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  using L = typename Units::Lanes;
  constexpr int64_t kAt = kAtOnce<L, V>, kSets = Units::kSets;
  const int64_t steps = in / Words<X>::kWidth;
  const StepBlocks<Units, V> blocks(steps);
  for (int64_t step = first; step < last; ++step) {
    const Steps near = blocks.of(step);
    const int64_t before = near.first * kLaneSums, count = near.last - near.first;
    for (int64_t v = 0; v < V; ++v) {
      for (int word = 0; word < kLaneSums; word += L::kCount) {
        L block[L::kCount];
#pragma GCC unroll 16
        for (int64_t r = 0; r < L::kCount; ++r) {
          const int64_t row = v * L::kCount + r;
          block[r] = row < rows ? L::load(reinterpret_cast<const float*>(x + row * in + step * Words<X>::kWidth) + word) : L{};
        }
        transpose(block);
#pragma GCC unroll 16
        for (int i = 0; i < L::kCount; ++i) {
          const int n = kOrder[word + i];
#pragma GCC unroll 2
          for (int set = 0; set < kSets; ++set) {
            const int64_t at = before + (n / kAt * count + step - near.first) * kAt + n % kAt;
            Units::set(set, block[i]).store(lanes + ((at * kSets + set) * V + v) * L::kCount);
          }
        }
      }
    }
  }
}

// Adds one step of a lane sum: a word of each of O rows, broadcast, times V vectors.
template <class Units, int V, int O>
[[gnu::always_inline]] inline void add_step(typename Units::Lanes* totals, const float* column, int64_t width, const float* lanes) {
  using L = typename Units::Lanes;
#pragma GCC unroll 2
  for (int set = 0; set < Units::kSets; ++set) {
    L xs[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) xs[v] = L::load(lanes + (set * V + v) * L::kCount);
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) {
      const L w = Units::set(set, read_word(column + o * width));
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) totals[o * V + v] = Units::add(totals[o * V + v], xs[v], w);
    }
  }
}

// Adds as many steps as instructions of our own can, where there are such; how many those were.
template <class Units, int V, int O, int N>
[[gnu::always_inline]] inline int64_t add_turns(typename Units::Lanes (&totals)[N], const float* column, int64_t width, const float* lanes,
                                                int64_t steps) {
#if defined(HYPERFIT_AVX2_SUMS)
  if constexpr (std::is_same_v<typename Units::Lanes, LanesOf<8>> && Units::kSets == 1 && V == 1 && O == 6) {
    const int64_t count = steps / kAvx2LaneTurn * kAvx2LaneTurn;
    if (count == 0) return 0;
    LanesOf<8>::Floats sums[2 * O];
#pragma GCC unroll 12
    for (int i = 0; i < 2 * O; ++i) sums[i] = totals[i / 2].part(i % 2);
    add_avx2_lane_sum(sums, column, width, lanes, count);
#pragma GCC unroll 12
    for (int i = 0; i < 2 * O; ++i) totals[i / 2].part(i % 2) = sums[i];
    return count;
  }
#endif
  return 0;
}

// A block of steps of O outputs for V vectors of rows; the last one completes `results` [O, V vectors].
// `fetch`: asks for as much of the next tile's weights meanwhile, a part with each lane sum.
template <class Units, int V, int O, class X>
[[gnu::always_inline]] inline void multiply_lane_transposed(float* results, const X* weight, const float* lanes, int64_t in, Steps block,
                                                            const TileSums& sums, bool fetch) {
  using L = typename Units::Lanes;
  constexpr int kAt = kAtOnce<L, V>, kSets = Units::kSets, kSums = kAt * O * V, kStep = kSets * V * L::kCount;
  const int64_t steps = in / Words<X>::kWidth, width = steps * kLanes;  // in words, as all below
  const int64_t count = block.last - block.first;
  const float *from = reinterpret_cast<const float*>(weight), *next = from + O * width;
  lanes += block.first * kLaneSums * kStep;
  for (int n = 0; n < kLaneSums; n += kAt) {
    float* kept = sums.kept + n / kAt * kSums * L::kCount;
    L totals[kSums];
    if (block.first == 0) {
#pragma GCC unroll 32
      for (int i = 0; i < kSums; ++i) totals[i] = {};
    } else {
#pragma GCC unroll 32
      for (int i = 0; i < kSums; ++i) totals[i] = L::load(kept + i * L::kCount);
    }
    const float* column = from + block.first * kLanes + kOrder[n];
    for (int64_t step = add_turns<Units, V, O>(totals, column, width, lanes, count); step < count; ++step) {
#pragma GCC unroll 2
      for (int a = 0; a < kAt; ++a) {
        const int64_t word = step * kLanes + kOrder[n + a] - kOrder[n];
        add_step<Units, V, O>(totals + a * O * V, column + word, width, lanes + (step * kAt + a) * kStep);
      }
    }
    lanes += count * kAt * kStep;
    if (fetch) {  // in the order of memory, whichever rows that is
      const int64_t line = O * (block.first + count * n / kLaneSums), end = O * (block.first + count * (n + kAt) / kLaneSums);
      for (int64_t i = line; i < end; ++i) __builtin_prefetch(next + i * kLanes, 0, V == 1 ? 3 : 2);
    }
    if (block.last < steps) {
#pragma GCC unroll 32
      for (int i = 0; i < kSums; ++i) totals[i].store(kept + i * L::kCount);
      continue;
    }
    if (kAt == 2) {
#pragma GCC unroll 32
      for (int i = 0; i < O * V; ++i) totals[i] += totals[(kAt - 1) * O * V + i];
    }
    int digit = 0;
    for (int carry = n / kAt; carry & 1; carry >>= 1, ++digit) {
#pragma GCC unroll 32
      for (int i = 0; i < O * V; ++i) totals[i] = L::load(sums.waiting + (digit * O * V + i) * L::kCount) + totals[i];
    }
    float* to = n + kAt == kLaneSums ? results : sums.waiting + digit * O * V * L::kCount;
#pragma GCC unroll 32
    for (int i = 0; i < O * V; ++i) totals[i].store(to + i * L::kCount);
  }
}

// Outputs [output, output + count) of y, rows from `first_row` on, from `results` [count, V vectors].
template <class L, int V, class Y, class X>
[[gnu::always_inline]] inline void store_rows(const SkinnyGemm<Y, X>& p, const float* results, int64_t first_row, int64_t output,
                                              int64_t count) {
  constexpr int64_t kCount = L::kCount;
  for (int64_t start = 0; start < count; start += kCount) {
    const int64_t filled = std::min(kCount, count - start);
    for (int64_t v = 0; v < V; ++v) {
      L block[kCount];
#pragma GCC unroll 16
      for (int64_t o = 0; o < kCount; ++o) block[o] = o < filled ? L::load(results + ((start + o) * V + v) * kCount) : L{};
      transpose(block);
      const int64_t row = first_row + v * kCount, rows = std::min(kCount, p.rows - row);
      Y* to = p.y + row * p.out + output + start;
#pragma GCC unroll 16
      for (int64_t r = 0; r < kCount; ++r) {
        if (r >= rows) continue;
        if (filled == kCount) {
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
  return in / Words<X>::kWidth * kLaneSums * Units::kSets * V * Units::Lanes::kCount;
}

/// Stores steps of x [rows, in] for passes of V vectors.
template <class Units, int V, class X>
[[gnu::always_inline]] inline void store_all_steps(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  for (int64_t row = 0; row < rows; row += V * Units::Lanes::kCount, lanes += pass_size<Units, V, X>(in)) {
    store_steps<Units, V>(lanes, x + row * in, rows - row, in, first, last);
  }
}

/// O outputs for all passes, to `results` of each, `size` apart.
template <class Units, int V, int O, class X>
[[gnu::always_inline]] inline void multiply_tile_of_lanes(float* results, int64_t size, const X* weight, const float* lanes, int64_t in,
                                                          int64_t passes) {
  using L = typename Units::Lanes;
  constexpr int64_t kSums = O * V * L::kCount;
  alignas(64) float kept[kMostPasses<L, V>][kLaneSums * kSums], waiting[4 * kSums];
  const int64_t steps = in / Words<X>::kWidth, x_size = pass_size<Units, V, X>(in);
  const StepBlocks<Units, V> blocks(steps);
  for (int64_t first = 0; first < steps;) {
    const Steps block = blocks.of(first);
    for (int64_t i = 0; i < passes; ++i) {
      multiply_lane_transposed<Units, V, O>(results + i * size, weight, lanes + i * x_size, in, block, {kept[i], waiting}, i == 0);
    }
    first = block.last;
  }
}

/// Columns [first, last) of y in passes of V vectors of rows.
template <class Units, int V, class Y, class X>
[[gnu::always_inline]] inline void multiply_all_lane_transposed(const SkinnyGemm<Y, X>& p, const float* lanes, int64_t first,
                                                                int64_t last) {
  using L = typename Units::Lanes;
  constexpr int O = kOutputs<Units, V>;
  constexpr int64_t kRows = V * L::kCount, kSize = kBlock * kRows;
  const int64_t passes = (p.rows + kRows - 1) / kRows;
  alignas(64) float results[kMostPasses<L, V>][kSize];
  for (int64_t block = first; block < last; block += kBlock) {
    const int64_t count = std::min(kBlock, last - block);
    const X* weight = p.weight + block * p.in;
    int64_t o = 0;
    for (; o + O <= count; o += O) {
      multiply_tile_of_lanes<Units, V, O>(results[0] + o * kRows, kSize, weight + o * p.in, lanes, p.in, passes);
    }
    for (; o < count; ++o) {
      multiply_tile_of_lanes<Units, V, 1>(results[0] + o * kRows, kSize, weight + o * p.in, lanes, p.in, passes);
    }
    for (int64_t i = 0; i < passes; ++i) store_rows<L, V>(p, results[i], i * kRows, block, count);
  }
}

}  // namespace
}  // namespace hyperfit::kernels
