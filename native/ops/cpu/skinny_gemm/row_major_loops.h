#pragma once
// The skinny product along the lanes of inputs, written once. Each file that includes this compiles it for an instruction set of its
// own; everything is of internal linkage, so that the versions never meet.
#include "ops/cpu/skinny_gemm/product.h"
#include "ops/cpu/lanes/lane_functions.h"

namespace hyperfit::kernels {
namespace {

/// How X is multiplied: in sets of lanes, bfloat16 as float32. What else may take its place (bfloat16_pairs.cc) has the same members.
template <class L, class X>
struct Singles {
  using Lanes = L;
  static constexpr int kSets = Words<X>::kSets;
  [[gnu::always_inline]] static inline L set(int which, const L& words) { return Words<X>::set(which, words); }
  [[gnu::always_inline]] static inline L add(const L& total, const L& x, const L& w) { return multiply_add(total, x, w); }
};

/// Weight rows, and input rows, of one tile: what is loaded for one serves all of the other. Its sums fit the registers, as long as
/// a machine has eight sets of lanes; one row's sums are as many as hide the latency of a multiplication.
template <class L>
constexpr int kTileOutputs = L::kFit >= 32 ? 4 : 2;
template <class L>
constexpr int kTileRows = L::kFit >= 32 ? 4 : 2;
template <class L>
constexpr int kOneRowOutputs = L::kFit >= 32 ? 8 : 4;

template <class X>
[[gnu::always_inline]] inline void fill_up(X* to, const X* from, int64_t count) {
#pragma GCC unroll 1
  for (int64_t i = 0; i < Words<X>::kWidth; ++i) to[i] = i < count ? from[i] : X(0);
}

// Adds what stands at x [R rows] times what stands at `weight` [O rows], as much of each as is read at once.
template <class Units, int R, int O, class Totals, class X>
[[gnu::always_inline]] inline void add_products(Totals& totals, const X* x, int64_t x_stride, const X* weight, int64_t stride) {
  using L = typename Units::Lanes;
#pragma GCC unroll 2
  for (int set = 0; set < Units::kSets; ++set) {
    L ws[O];
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) ws[o] = Units::set(set, L::load(reinterpret_cast<const float*>(weight + o * stride)));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const L xs = Units::set(set, L::load(reinterpret_cast<const float*>(x + r * x_stride)));
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) totals[r * O + o] = Units::add(totals[r * O + o], xs, ws[o]);
    }
  }
}

// R rows of x by O outputs. Sums run over lanes, then across lanes, in the same order for every tile shape: a row's bits depend neither on
// its neighbours nor on how the outputs are shared out. What is left of the inputs is filled up with zeros first, so that products and sums
// stand side by side: apart, the compiler rounds them once or twice as it sees fit for each shape.
// `fetch`: asks for the next tile's weights, which memory delivers while the remaining rows are multiplied.
template <class Units, int R, int O, bool fetch, class Y, class X>
[[gnu::always_inline]] inline void multiply_tile(const SkinnyGemm<Y, X>& p, int64_t row, int64_t output) {
  using L = typename Units::Lanes;
  constexpr int kTogether = (R * O + 3) / 4 * 4;
  constexpr int64_t kWidth = Words<X>::kWidth;
  const int64_t in = p.in, whole = in / kWidth * kWidth;
  const X *x = p.x + row * in, *weight = p.weight + output * in;
  L totals[kTogether];
#pragma GCC unroll 16
  for (int j = 0; j < kTogether; ++j) totals[j] = {};
  for (int64_t i = 0; i < whole; i += kWidth) {
    if (fetch) {
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) __builtin_prefetch(weight + (O + o) * in + i);
    }
    add_products<Units, R, O>(totals, x + i, in, weight + i, in);
  }
  if (whole < in) {
    X last_x[R * kWidth], last_weight[O * kWidth];
    for (int r = 0; r < R; ++r) fill_up(last_x + r * kWidth, x + r * in + whole, in - whole);
    for (int o = 0; o < O; ++o) fill_up(last_weight + o * kWidth, weight + o * in + whole, in - whole);
    add_products<Units, R, O>(totals, last_x, kWidth, last_weight, kWidth);
  }
  Y* y = p.y + row * p.out + output;
#pragma GCC unroll 8
  for (int first = 0; first < kTogether; first += 4) {
    const Four lanes = sums(totals[first], totals[first + 1], totals[first + 2], totals[first + 3]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      if (first + i < R * O) y[(first + i) / O * p.out + (first + i) % O] = lanes[i];
    }
  }
}

// One row reads every weight once, in order, in so many streams that memory keeps up by itself; of fewer, and half as long, it is asked
// beforehand.
template <class Units, class Y, class X>
[[gnu::always_inline]] inline void multiply_one_row(const SkinnyGemm<Y, X>& p, int64_t first, int64_t last) {
  constexpr int kOutputs = kOneRowOutputs<typename Units::Lanes>;
  constexpr bool kFetch = kOutputs < 8 && sizeof(X) < sizeof(float);
  int64_t output = first;
  for (; output + kOutputs <= last; output += kOutputs) multiply_tile<Units, 1, kOutputs, kFetch>(p, 0, output);
  for (; output < last; ++output) multiply_tile<Units, 1, 1, false>(p, 0, output);
}

// Columns [first, last) of y for every row; a block of weights stays in the nearest cache while the rows pass.
template <class Units, class Y, class X>
[[gnu::always_inline]] inline void multiply_all_rows(const SkinnyGemm<Y, X>& p, int64_t first, int64_t last) {
  constexpr int kRows = kTileRows<typename Units::Lanes>, kOutputs = kTileOutputs<typename Units::Lanes>;
  if (p.rows == 1) return multiply_one_row<Units>(p, first, last);
  int64_t output = first;
  for (; output + kOutputs <= last; output += kOutputs) {
    int64_t row = 0;
    if (row + kRows <= p.rows) {
      multiply_tile<Units, kRows, kOutputs, true>(p, row, output);
      row += kRows;
    }
    for (; row + kRows <= p.rows; row += kRows) multiply_tile<Units, kRows, kOutputs, false>(p, row, output);
    for (; row < p.rows; ++row) multiply_tile<Units, 1, kOutputs, false>(p, row, output);
  }
  for (; output < last; ++output) {
    for (int64_t row = 0; row < p.rows; ++row) multiply_tile<Units, 1, 1, false>(p, row, output);
  }
}

}  // namespace
}  // namespace hyperfit::kernels
