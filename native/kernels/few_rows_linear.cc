#include "kernels/few_rows_linear.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/enabled.h"
#include "kernels/few_rows_product.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

// The first tile of a block also asks for the next block's weights, which memory delivers while the remaining rows are
// multiplied. Sums run over lanes, then over the rest, then across lanes, in the same order for every tile shape: a row's bits do not
// depend on its neighbours.
template <int R, int O, class Y, class X>
[[gnu::always_inline]] inline void multiply_tile(const FewRowsProduct<Y, X>& p, int64_t row, int64_t output) {
  const X *x = p.x + row * p.in, *weight = p.weight + output * p.in;
  Lanes totals[R][kTileOutputs] = {};
  int64_t i = 0;
  for (; i + kLanes <= p.in; i += kLanes) {
    Lanes ws[O];
    for (int o = 0; o < O; ++o) {
      ws[o] = load(weight + o * p.in + i);
      if (row == 0) __builtin_prefetch(weight + (O + o) * p.in + i);
    }
    for (int r = 0; r < R; ++r) {
      const Lanes xs = load(x + r * p.in + i);
      for (int o = 0; o < O; ++o) totals[r][o] += xs * ws[o];
    }
  }
  for (int r = 0; r < R; ++r) {
    const Four across = sums(totals[r][0], totals[r][1], totals[r][2], totals[r][3]);
    for (int o = 0; o < O; ++o) {
      float rest = 0;
      for (int64_t j = i; j < p.in; ++j) rest += static_cast<float>(x[r * p.in + j]) * static_cast<float>(weight[o * p.in + j]);
      p.y[(row + r) * p.out + output + o] = rest + across[o];
    }
  }
}

// Columns [first, last) of y for every row; a block of weights stays in the nearest cache while the rows pass.
template <int O, class Y, class X>
[[gnu::always_inline]] inline void multiply_rows(const FewRowsProduct<Y, X>& p, int64_t output) {
  int64_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows) multiply_tile<kTileRows, O>(p, row, output);
  for (; row < p.rows; ++row) multiply_tile<1, O>(p, row, output);
}

template <class Y, class X>
HYPERFIT_KERNEL void lanes_columns(const FewRowsProduct<Y, X>& p, int64_t first, int64_t last) {
  int64_t output = first;
  for (; output + kTileOutputs <= last; output += kTileOutputs) multiply_rows<kTileOutputs>(p, output);
  for (; output < last; ++output) multiply_rows<1>(p, output);
}

template <class Y>
void columns(const FewRowsProduct<Y, float>& product, int64_t first, int64_t last) {
  lanes_columns(product, first, last);
}

template <class Y>
void columns(const FewRowsProduct<Y, c10::BFloat16>& product, int64_t first, int64_t last) {
  static const bool kPairs = has_bfloat16_products();
  if (kPairs) return bfloat16_columns(product, first, last);
  lanes_columns(product, first, last);
}

// Splits fall between blocks, so that the sums of a block, and with them its bits, do not depend on the thread count.
template <class Y, class X>
void multiply(const FewRowsProduct<Y, X>& p) {
  const int64_t blocks = (p.out + kTileOutputs - 1) / kTileOutputs;
  at::parallel_for(0, blocks, std::max<int64_t>(1, (1 << 15) / (p.in * kTileOutputs)), [&](int64_t begin, int64_t end) {
    columns(p, begin * kTileOutputs, std::min(p.out, end * kTileOutputs));
  });
}

}  // namespace

bool is_few_rows(const at::Tensor& x, const at::Tensor& weight) {
  return x.size(0) <= kFewRows && takes_alike(x, weight);
}

void few_rows_linear(at::Tensor& y, const at::Tensor& x, const at::Tensor& weight) {
  by_type(x, [&](auto* from) {
    using X = std::remove_pointer_t<decltype(from)>;
    by_type(y, [&](auto* to) {
      using Y = std::remove_pointer_t<decltype(to)>;
      multiply(FewRowsProduct<Y, X>{to, from, weight.data_ptr<X>(), x.size(0), x.size(1), weight.size(0)});
    });
  });
}

}  // namespace hyperfit::kernels
