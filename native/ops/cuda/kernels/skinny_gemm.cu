// Products of few rows with a large matrix, as decoding has them: y = x W^T of bfloat16, added up in float32. What they cost is reading W,
// so each warp reads whole rows of it, sixteen bytes a lane, once for all rows of x, which stay in the nearest cache. Of a matrix stored
// [in, out], as GPT-2's are (`Conv1D` of transformers), four lanes read 32 columns of a row, the threads of a block read its rows in turn,
// and what they have is added through shared memory.
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
HYPERFIT_FUNCTION Products<kRows, kOutputs> products_of(const BFloat16* x, const BFloat16* w, Index first, int lane,
                                                        const ProductSizes& sizes) {
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

/// Where sums go, and what is added to them on the way.
struct Outputs {
  float* y;
  BFloat16* rounded;
  const float* residual;
  const float* bias;
  const BFloat16* rounded_bias;
};

HYPERFIT_FUNCTION float shift_of(const Outputs& to, Index column) {
  return to.bias != nullptr ? to.bias[column] : (to.rounded_bias != nullptr ? float_of(to.rounded_bias[column]) : 0.0f);
}

HYPERFIT_FUNCTION void store_sum(const Outputs& to, Index at, float sum) {
  if (to.rounded != nullptr) {
    assign(to.rounded[at], sum);
  } else {
    to.y[at] = to.residual != nullptr ? to.residual[at] + sum : sum;
  }
}

template <int kRows, int kOutputs>
HYPERFIT_FUNCTION void skinny_gemm(const Outputs& to, const BFloat16* x, const BFloat16* w, const ProductSizes& sizes) {
  using OfThread = Products<kRows, kOutputs>;
  constexpr int kColumns = kWarps * kOutputs;  // of a block
  for (Index start = block_index() * kColumns; start < sizes.out; start += block_count() * kColumns) {
    const auto part = [&](int thread) {
      return products_of<kRows, kOutputs>(x, w, start + thread / kWarp * kOutputs, thread % kWarp, sizes);
    };
    const auto store_sums = [&](int warp, const OfThread& sums) {
#pragma unroll
      for (int o = 0; o < kOutputs; ++o) {
        const Index column = start + warp * kOutputs + o;
        if (column >= sizes.out) continue;
        const float shift = shift_of(to, column);
#pragma unroll
        for (int row = 0; row < kRows; ++row) {
          if (row < sizes.rows) store_sum(to, row * sizes.out + column, sums.at[o][row] + shift);
        }
      }
    };
    gather_warps<OfThread>(part, [](const OfThread& a, const OfThread& b) { return join(a, b); }, store_sums);
  }
}

constexpr int kLanes = 4, kRowColumns = kLanes * kPacked, kTurns = kThreads / kLanes;  // of a row of W, of a block, rows of W at a time

/// A thread's sums over every kTurns-th row of W, of its eight columns.
template <int kRows>
HYPERFIT_FUNCTION void sum_turn(float (&sums)[kRows][kRowColumns], const BFloat16* x, const BFloat16* w, Index column, int thread,
                                const ProductSizes& sizes) {
  float own[kRows][kPacked] = {};
  if (column < sizes.out) {
#pragma unroll 4
    for (Index i = thread / kLanes; i < sizes.in; i += kTurns) {
      float weights[kPacked];
      load(weights, w + i * sizes.out + column);
#pragma unroll
      for (int row = 0; row < kRows; ++row) {
        const float value = float_of(x[at_most(row, sizes.rows) * sizes.in + i]);
#pragma unroll
        for (int j = 0; j < kPacked; ++j) own[row][j] += weights[j] * value;
      }
    }
  }
#pragma unroll
  for (int row = 0; row < kRows; ++row) {
#pragma unroll
    for (int j = 0; j < kPacked; ++j) sums[row][thread % kLanes * kPacked + j] = own[row][j];
  }
}

/// Rows kRows at a time: a block has kColumns of one such group.
template <int kRows>
HYPERFIT_FUNCTION void skinny_gemm_conv1d(const Outputs& to, const BFloat16* x, const BFloat16* w, const ProductSizes& sizes) {
  HYPERFIT_SHARED float sums[kTurns][kRows][kRowColumns];
  const Index groups = (sizes.out + kRowColumns - 1) / kRowColumns, blocks = groups * ((sizes.rows + kRows - 1) / kRows);
  for (Index block = block_index(); block < blocks; block += block_count()) {
    const Index first = block % groups * kRowColumns, first_row = block / groups * kRows;
    const ProductSizes own{sizes.rows - first_row, sizes.out, sizes.in};
    each_thread([&](int thread) {
      sum_turn(sums[thread / kLanes], x + first_row * sizes.in, w, first + thread % kLanes * kPacked, thread, own);
    });
    barrier();
    each_thread([&](int thread) {
      const int row = thread / kRowColumns;
      const Index column = first + thread % kRowColumns;
      if (row >= kRows || row >= own.rows || column >= sizes.out) return;
      float sum = shift_of(to, column);
#pragma unroll 8
      for (int turn = 0; turn < kTurns; ++turn) sum += sums[turn][row][thread % kRowColumns];
      store_sum(to, (first_row + row) * sizes.out + column, sum);
    });
    barrier();
  }
}

#define HYPERFIT_DEFINE(name, ...)                                                                                                \
  HYPERFIT_KERNEL(name, float* y, BFloat16* rounded, const float* residual, const float* bias, const BFloat16* rounded_bias, \
                  const BFloat16* x, const BFloat16* w, ProductSizes sizes) {                                                \
    __VA_ARGS__({y, rounded, residual, bias, rounded_bias}, x, w, sizes);                                                    \
  }
HYPERFIT_DEFINE(skinny_gemm_1, skinny_gemm<1, 1>)
HYPERFIT_DEFINE(skinny_gemm_4, skinny_gemm<4, 2>)
HYPERFIT_DEFINE(skinny_gemm_8, skinny_gemm<8, 2>)
HYPERFIT_DEFINE(skinny_gemm_conv1d_1, skinny_gemm_conv1d<1>)
HYPERFIT_DEFINE(skinny_gemm_conv1d_4, skinny_gemm_conv1d<4>)
#undef HYPERFIT_DEFINE

}  // namespace hyperfit::cuda
