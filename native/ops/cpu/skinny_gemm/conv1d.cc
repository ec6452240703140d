// The skinny product with weights stored [in, out]: what one input row multiplies lies side by side, so sums run down the
// inputs, lane by lane, and never across lanes.
#include <algorithm>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/skinny_gemm/skinny_gemm.h"

namespace hyperfit::kernels {
namespace {

constexpr int kMostVectors = kTransposedColumns / kLanes;

/// Rows of a tile, and lanes of outputs that are summed at once: as many sums as fit the registers. A single row takes kMostVectors.
template <class L>
constexpr int kRows = L::kFit >= 32 ? 4 : 3;
template <class L>
constexpr int kVectors = L::kFit >= 32 ? kMostVectors : 2;

// Rows [row, row + R), V lanes of columns from `column` on.
template <class L, int R, int V, class Y, class X>
[[gnu::always_inline]] inline void multiply_tile(const SkinnyGemm<Y, X>& p, int64_t row, int64_t column) {
  L totals[R * V];
#pragma GCC unroll 16
  for (int j = 0; j < R * V; ++j) totals[j] = {};
  const X *x = p.x + row * p.in, *weight = p.weight + column;
  for (int64_t i = 0; i < p.in; ++i, weight += p.out) {
    L ws[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) ws[v] = L::load(weight + v * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const L xs = static_cast<float>(x[r * p.in + i]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) totals[r * V + v] = multiply_add(totals[r * V + v], xs, ws[v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R * V; ++i) totals[i].store(p.y + (row + i / V) * p.out + column + i % V * kLanes);
}

template <class Y, class X>
[[gnu::always_inline]] inline void multiply_columns_left_over(const SkinnyGemm<Y, X>& p, int64_t first, int64_t last) {
  for (int64_t row = 0; row < p.rows; ++row) {
    for (int64_t column = first; column < last; ++column) {
      float total = 0;
      for (int64_t i = 0; i < p.in; ++i)
        total += static_cast<float>(p.x[row * p.in + i]) * static_cast<float>(p.weight[i * p.out + column]);
      p.y[row * p.out + column] = total;
    }
  }
}

template <class L, int V, class Y, class X>
[[gnu::always_inline]] inline void multiply_block(const SkinnyGemm<Y, X>& p, int64_t column) {
  int64_t row = 0;
  for (; row + kRows<L> <= p.rows; row += kRows<L>) {
    for (int v = 0; v < kMostVectors; v += V) multiply_tile<L, kRows<L>, V>(p, row, column + v * kLanes);
  }
  for (; row < p.rows; ++row) multiply_tile<L, 1, kMostVectors>(p, row, column);
}

// A block of kTransposedColumns for all rows, then the next: a row of weights is read in whole lines of memory.
template <class Y, class X>
struct Columns {
  template <class L>
  [[gnu::always_inline]] static inline void run(const SkinnyGemm<Y, X>& p, int64_t first, int64_t last) {
    int64_t column = first;
    for (; column + kTransposedColumns <= last; column += kTransposedColumns) multiply_block<L, kVectors<L>>(p, column);
    multiply_columns_left_over(p, column, last);
  }
};

}  // namespace

template <class Y, class X>
void skinny_gemm_conv1d_columns(const SkinnyGemm<Y, X>& product, int64_t first, int64_t last) {
  dispatch<Columns<Y, X>>(product, first, last);
}
template void skinny_gemm_conv1d_columns(const SkinnyGemm<float, float>&, int64_t, int64_t);
template void skinny_gemm_conv1d_columns(const SkinnyGemm<float, c10::BFloat16>&, int64_t, int64_t);

template <class Y, class X>
void skinny_gemm_conv1d(const SkinnyGemm<Y, X>& p) {
  const int64_t blocks = (p.out + kTransposedColumns - 1) / kTransposedColumns;
  parallel_for(0, blocks, std::max<int64_t>(1, (1 << 15) / (p.in * kTransposedColumns)), [&](int64_t begin, int64_t end) {
    skinny_gemm_conv1d_columns(p, begin * kTransposedColumns, std::min(p.out, end * kTransposedColumns));
  });
}
template void skinny_gemm_conv1d(const SkinnyGemm<float, float>&);
template void skinny_gemm_conv1d(const SkinnyGemm<float, c10::BFloat16>&);
template void skinny_gemm_conv1d(const SkinnyGemm<c10::BFloat16, c10::BFloat16>&);

}  // namespace hyperfit::kernels
