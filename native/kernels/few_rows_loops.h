#pragma once
// The few-row product along the lanes of inputs, written once. Each file that includes this compiles it for an instruction set of its
// own; everything is of internal linkage, so that the versions never meet.
#include "kernels/few_rows_product.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

template <int64_t kWidth, class X>
[[gnu::always_inline]] inline void fill_up(X* to, const X* from, int64_t count) {
  for (int64_t i = 0; i < kWidth; ++i) to[i] = i < count ? from[i] : X(0);
}

// R rows of x by O outputs, 1 or a multiple of 4. Sums run over lanes, then across lanes, in the same order for every tile shape: a row's
// bits depend neither on its neighbours nor on how the outputs are shared out. What is left of the inputs is filled up with zeros first, so
// that products and sums stand side by side: apart, the compiler rounds them once or twice as it sees fit for each shape.
// `fetch`: asks for the next tile's weights, which memory delivers while the remaining rows are multiplied.
template <class Units, int R, int O, bool fetch, class Y, class X>
[[gnu::always_inline]] inline void multiply_tile(const FewRowsProduct<Y, X>& p, int64_t row, int64_t output) {
  constexpr int kAcross = O < 4 ? 4 : O;
  const int64_t in = p.in, whole = in / Units::kWidth * Units::kWidth;
  const X *x = p.x + row * in, *weight = p.weight + output * in;
  Lanes totals[R][kAcross];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int o = 0; o < kAcross; ++o) totals[r][o] = Lanes{};
  }
  for (int64_t i = 0; i < whole; i += Units::kWidth) {
    typename Units::Unit ws[O];
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) {
      ws[o] = Units::load(weight + o * in + i);
      if (fetch) __builtin_prefetch(weight + (O + o) * in + i);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const typename Units::Unit xs = Units::load(x + r * in + i);
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) totals[r][o] = Units::multiply_add(totals[r][o], xs, ws[o]);
    }
  }
  if (whole < in) {
    X last_x[R][Units::kWidth], last_weight[O][Units::kWidth];
    for (int r = 0; r < R; ++r) fill_up<Units::kWidth>(last_x[r], x + r * in + whole, in - whole);
    for (int o = 0; o < O; ++o) fill_up<Units::kWidth>(last_weight[o], weight + o * in + whole, in - whole);
    typename Units::Unit ws[O];
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) ws[o] = Units::load(last_weight[o]);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const typename Units::Unit xs = Units::load(last_x[r]);
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) totals[r][o] = Units::multiply_add(totals[r][o], xs, ws[o]);
    }
  }
  Y* y = p.y + row * p.out + output;
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int first = 0; first < kAcross; first += 4) {
      const Four across = sums(totals[r][first], totals[r][first + 1], totals[r][first + 2], totals[r][first + 3]);
#pragma GCC unroll 4
      for (int o = 0; o < (O < 4 ? O : 4); ++o) y[r * p.out + first + o] = across[o];
    }
  }
}

// One row reads every weight once, in order, in so many streams that memory keeps up by itself.
template <class Units, class Y, class X>
[[gnu::always_inline]] inline void multiply_one_row(const FewRowsProduct<Y, X>& p, int64_t first, int64_t last) {
  int64_t output = first;
  for (; output + 8 <= last; output += 8) multiply_tile<Units, 1, 8, false>(p, 0, output);
  for (; output < last; ++output) multiply_tile<Units, 1, 1, false>(p, 0, output);
}

// Columns [first, last) of y for every row; a block of weights stays in the nearest cache while the rows pass.
template <class Units, class Y, class X>
[[gnu::always_inline]] inline void multiply_all_rows(const FewRowsProduct<Y, X>& p, int64_t first, int64_t last) {
  if (p.rows == 1) return multiply_one_row<Units>(p, first, last);
  int64_t output = first;
  for (; output + kTileOutputs <= last; output += kTileOutputs) {
    int64_t row = 0;
    if (row + kTileRows <= p.rows) {
      multiply_tile<Units, kTileRows, kTileOutputs, true>(p, row, output);
      row += kTileRows;
    }
    for (; row + kTileRows <= p.rows; row += kTileRows) multiply_tile<Units, kTileRows, kTileOutputs, false>(p, row, output);
    for (; row < p.rows; ++row) multiply_tile<Units, 1, kTileOutputs, false>(p, row, output);
  }
  for (; output < last; ++output) {
    for (int64_t row = 0; row < p.rows; ++row) multiply_tile<Units, 1, 1, false>(p, row, output);
  }
}

}  // namespace
}  // namespace hyperfit::kernels
