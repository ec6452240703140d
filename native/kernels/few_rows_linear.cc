#include "kernels/few_rows_linear.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/enabled.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kBlock = 4;  // weight rows of one tile
constexpr int64_t kPair = 2;   // input rows of one tile: each weight that is loaded serves two

// y[R input rows, O weight rows] of one tile; `in` elements each. Sums run over lanes, then over the rest, then across
// lanes, in the same order for every tile shape: a row's bits do not depend on its neighbours.
template <int R, int O>
[[gnu::always_inline]] inline void multiply_tile(float* y, const float* x, const float* weight, int64_t in, int64_t out) {
  Lanes sums[R][O] = {};
  int64_t i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    for (int r = 0; r < R; ++r) {
      const Lanes xs = load(x + r * in + i);
      for (int o = 0; o < O; ++o) sums[r][o] += xs * load(weight + o * in + i);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int o = 0; o < O; ++o) {
      float total = 0;
      for (int64_t rest = i; rest < in; ++rest) total += x[r * in + rest] * weight[o * in + rest];
      y[r * out + o] = total + sum(sums[r][o]);
    }
  }
}

template <int O>
[[gnu::always_inline]] inline void multiply_rows(float* y, const float* x, const float* weight, int64_t rows, int64_t in,
                                                 int64_t out) {
  int64_t row = 0;
  for (; row + kPair <= rows; row += kPair) multiply_tile<kPair, O>(y + row * out, x + row * in, weight, in, out);
  if (row < rows) multiply_tile<1, O>(y + row * out, x + row * in, weight, in, out);
}

// Columns [first, last) of y for every row; a block of weights stays in the nearest cache while the rows pass.
HYPERFIT_KERNEL
void multiply_blocks(float* y, const float* x, const float* weight, int64_t rows, int64_t in, int64_t out, int64_t first,
                     int64_t last) {
  int64_t o = first;
  for (; o + kBlock <= last; o += kBlock) multiply_rows<kBlock>(y + o, x, weight + o * in, rows, in, out);
  for (; o < last; ++o) multiply_rows<1>(y + o, x, weight + o * in, rows, in, out);
}

}  // namespace

bool is_few_rows(const at::Tensor& x, const at::Tensor& weight) {
  return x.size(0) <= kFewRows && takes(x, weight);
}

void few_rows_linear(at::Tensor& y, const at::Tensor& x, const at::Tensor& weight) {
  const int64_t rows = x.size(0), in = x.size(1), out = weight.size(0);
  const int64_t blocks = (out + kBlock - 1) / kBlock;
  // Splits fall between blocks, so that the sums of a block, and with them its bits, do not depend on the thread count.
  at::parallel_for(0, blocks, std::max<int64_t>(1, (1 << 15) / (in * kBlock)), [&](int64_t begin, int64_t end) {
    multiply_blocks(y.data_ptr<float>(), x.data_ptr<float>(), weight.data_ptr<float>(), rows, in, out, begin * kBlock,
                    std::min(out, end * kBlock));
  });
}

}  // namespace hyperfit::kernels
