// The few-row product with weights stored [in, out]: what one input row multiplies lies side by side, so sums run down the
// inputs, lane by lane, and never across lanes.
#include <ATen/Parallel.h>

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/enabled.h"
#include "kernels/few_rows_linear.h"
#include "kernels/lanes.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kVectors = kTransposedColumns / kLanes;  // of the outputs of one tile

// Rows [row, row + R), columns [column, column + kTransposedColumns).
template <int R, class Y, class X>
[[gnu::always_inline]] inline void multiply_tile(const FewRowsProduct<Y, X>& p, int64_t row, int64_t column) {
  Lanes totals[R][kVectors] = {};
  for (int64_t i = 0; i < p.in; ++i) {
    Lanes ws[kVectors];
    for (int v = 0; v < kVectors; ++v) ws[v] = load(p.weight + i * p.out + column + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const float x = p.x[(row + r) * p.in + i];
      for (int v = 0; v < kVectors; ++v) totals[r][v] += x * ws[v];
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < kVectors; ++v) store(p.y + (row + r) * p.out + column + v * kLanes, totals[r][v]);
  }
}

template <class Y, class X>
[[gnu::always_inline]] inline void multiply_columns_left_over(const FewRowsProduct<Y, X>& p, int64_t first, int64_t last) {
  for (int64_t row = 0; row < p.rows; ++row) {
    for (int64_t column = first; column < last; ++column) {
      float total = 0;
      for (int64_t i = 0; i < p.in; ++i) total += static_cast<float>(p.x[row * p.in + i]) * static_cast<float>(p.weight[i * p.out + column]);
      p.y[row * p.out + column] = total;
    }
  }
}

template <class Y, class X>
HYPERFIT_KERNEL void multiply_columns(const FewRowsProduct<Y, X>& p, int64_t first, int64_t last) {
  int64_t column = first;
  for (; column + kTransposedColumns <= last; column += kTransposedColumns) {
    int64_t row = 0;
    for (; row + kTileRows <= p.rows; row += kTileRows) multiply_tile<kTileRows>(p, row, column);
    for (; row < p.rows; ++row) multiply_tile<1>(p, row, column);
  }
  multiply_columns_left_over(p, column, last);
}

template <class Y, class X>
void multiply(const FewRowsProduct<Y, X>& p) {
  const int64_t blocks = (p.out + kTransposedColumns - 1) / kTransposedColumns;
  at::parallel_for(0, blocks, std::max<int64_t>(1, (1 << 15) / (p.in * kTransposedColumns)), [&](int64_t begin, int64_t end) {
    multiply_columns(p, begin * kTransposedColumns, std::min(p.out, end * kTransposedColumns));
  });
}

}  // namespace

template <class Y, class X>
void few_rows_transposed_columns(const FewRowsProduct<Y, X>& product, int64_t first, int64_t last) {
  multiply_columns(product, first, last);
}
template void few_rows_transposed_columns(const FewRowsProduct<float, float>&, int64_t, int64_t);
template void few_rows_transposed_columns(const FewRowsProduct<float, c10::BFloat16>&, int64_t, int64_t);

void few_rows_linear_transposed(at::Tensor& y, const at::Tensor& x, const at::Tensor& weight) {
  by_type(x, [&](auto* from) {
    using X = std::remove_pointer_t<decltype(from)>;
    by_type(y, [&](auto* to) {
      using Y = std::remove_pointer_t<decltype(to)>;
      multiply(FewRowsProduct<Y, X>{to, from, weight.data_ptr<X>(), x.size(0), x.size(1), weight.size(1)});
    });
  });
}

}  // namespace hyperfit::kernels
