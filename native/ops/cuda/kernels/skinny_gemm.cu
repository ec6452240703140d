// Products of few rows with a large matrix, as decoding has them: y = x W^T of bfloat16, added up in float32. What they cost is reading W, so each
// warp reads whole rows of it, sixteen bytes a lane, once for all rows of x, which stay in the nearest cache.
#include "numbers.h"

namespace hyperfit::cuda {

constexpr int kPacked = kPack<BFloat16>;

/// What one lane has of `kOutputs` columns of y, or what its warp has.
template <int kRows, int kOutputs>
struct Products {
  float at[kOutputs][kRows];
};

HYPERFIT_FUNCTION Index at_most(Index index, Index end) { return index < end ? index : end - 1; }

/// The columns from `first` on. What is beyond the last row or column is computed of the last one again, and not stored.
template <int kRows, int kOutputs>
HYPERFIT_FUNCTION Products<kRows, kOutputs> products_of(const BFloat16* x, const BFloat16* w, Index first, int lane, const ProductSizes& sizes) {
  Products<kRows, kOutputs> sums = {};
#pragma unroll(kRows == 1 ? 4 : (kRows == 4 ? 2 : 1))
  for (Index i = Index{lane} * kPacked; i < sizes.in; i += kWarp * kPacked) {
    float weights[kOutputs][kPacked];
#pragma unroll
    for (int o = 0; o < kOutputs; ++o) load(weights[o], w + at_most(first + o, sizes.out) * sizes.in + i);
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float values[kPacked];
      load(values, x + at_most(row, sizes.rows) * sizes.in + i);
#pragma unroll
      for (int o = 0; o < kOutputs; ++o) {
#pragma unroll
        for (int j = 0; j < kPacked; ++j) sums.at[o][row] += weights[o][j] * values[j];
      }
    }
  }
  return sums;
}

template <int kRows, int kOutputs>
HYPERFIT_FUNCTION Products<kRows, kOutputs> join(const Products<kRows, kOutputs>& a, const Products<kRows, kOutputs>& b) {
  Products<kRows, kOutputs> sums;
#pragma unroll
  for (int o = 0; o < kOutputs; ++o) {
#pragma unroll
    for (int row = 0; row < kRows; ++row) sums.at[o][row] = a.at[o][row] + b.at[o][row];
  }
  return sums;
}

template <int kRows, int kOutputs>
HYPERFIT_FUNCTION void skinny_gemm(float* y, BFloat16* rounded, const float* residual, const float* bias, const BFloat16* rounded_bias,
                                   const BFloat16* x, const BFloat16* w, const ProductSizes& sizes) {
  using Sums = Products<kRows, kOutputs>;
  constexpr int kColumns = kWarps * kOutputs;  // of a block
  for (Index start = block_index() * kColumns; start < sizes.out; start += block_count() * kColumns) {
    const auto part = [&](int thread) {
      return products_of<kRows, kOutputs>(x, w, start + thread / kWarp * kOutputs, thread % kWarp, sizes);
    };
    const auto store_sums = [&](int warp, const Sums& sums) {
#pragma unroll
      for (int o = 0; o < kOutputs; ++o) {
        const Index column = start + warp * kOutputs + o;
        if (column >= sizes.out) continue;
        const float shift = bias != nullptr ? bias[column] : (rounded_bias != nullptr ? float_of(rounded_bias[column]) : 0.0f);
#pragma unroll
        for (int row = 0; row < kRows; ++row) {
          if (row >= sizes.rows) continue;
          const Index at = row * sizes.out + column;
          const float sum = sums.at[o][row] + shift;
          if (rounded != nullptr) {
            assign(rounded[at], sum);
          } else {
            y[at] = residual != nullptr ? residual[at] + sum : sum;
          }
        }
      }
    };
    gather_warps<Sums>(part, [](const Sums& a, const Sums& b) { return join(a, b); }, store_sums);
  }
}

#define HYPERFIT_DEFINE(rows, outputs)                                                                                                    \
  HYPERFIT_KERNEL(skinny_gemm_##rows, float* y, BFloat16* rounded, const float* residual, const float* bias, const BFloat16* rounded_bias, \
                  const BFloat16* x, const BFloat16* w, ProductSizes sizes) {                                                             \
    skinny_gemm<rows, outputs>(y, rounded, residual, bias, rounded_bias, x, w, sizes);                                                    \
  }
HYPERFIT_DEFINE(1, 1)
HYPERFIT_DEFINE(4, 2)
HYPERFIT_DEFINE(8, 2)
#undef HYPERFIT_DEFINE

}  // namespace hyperfit::cuda
