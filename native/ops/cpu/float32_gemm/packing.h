#pragma once
// How the operands of a float32 product, or of bfloat16 that is multiplied as float32, are laid out for its tiles.
#include <algorithm>

#include "ops/cpu/float32_gemm/tile.h"
#include "ops/cpu/lanes/transpose.h"
#include "ops/cpu/products/gemm.h"

namespace hyperfit::kernels {

// Rows of b are dense: a copy. Each lies in another page, so the next ones are asked for.
template <class L, class X>
[[gnu::always_inline]] inline void pack_dense_rows(float* to, const X* b, int64_t stride, int64_t inner, int64_t count) {
  constexpr int64_t kWidth = kPanelWidth<L>, kAhead = 12;
  if (count == kWidth) {
    for (int64_t k = 0; k < inner; ++k, to += kWidth, b += stride) {
#pragma GCC unroll 4
      for (int64_t n = 0; n < kWidth; n += kLanes) {
        __builtin_prefetch(b + kAhead * stride + n);
        L::load(b + n).store(to + n);
      }
    }
    return;
  }
  for (int64_t k = 0; k < inner; ++k, to += kWidth, b += stride) {
    for (int64_t n = 0; n < kWidth; ++n) to[n] = n < count ? static_cast<float>(b[n]) : 0.0f;
  }
}

// Columns of b are dense: sixteen of sixteen numbers are transposed at a time.
template <class L, class X>
[[gnu::always_inline]] inline void pack_dense_columns(float* to, const X* b, int64_t stride, int64_t inner, int64_t count) {
  constexpr int64_t kWidth = kPanelWidth<L>;
  for (int64_t n = 0; n < kWidth; n += kLanes) {
    int64_t k = 0;
    for (; n + kLanes <= count && k + kLanes <= inner; k += kLanes) {
      L block[kLanes];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kLanes; ++i) block[i] = L::load(b + (n + i) * stride + k);
      transpose(block);
#pragma GCC unroll 16
      for (int64_t i = 0; i < kLanes; ++i) block[i].store(to + (k + i) * kWidth + n);
    }
    for (; k < inner; ++k) {
      for (int64_t i = 0; i < kLanes; ++i) to[k * kWidth + n + i] = n + i < count ? static_cast<float>(b[(n + i) * stride + k]) : 0.0f;
    }
  }
}

/// Rows k .. k + inner and columns n .. n + count of b become [inner][width] in float32, zero where b ends.
template <class L, class X>
[[gnu::always_inline]] inline void pack_panel(float* to, const GemmMatrix<X>& b, int64_t k, int64_t inner, int64_t n, int64_t count) {
  const X* first = b.data + k * b.row_stride + n * b.column_stride;
  if (b.column_stride == 1) return pack_dense_rows<L>(to, first, b.row_stride, inner, count);
  pack_dense_columns<L>(to, first, b.column_stride, inner, count);
}

/// From one packed tile to the next, in elements. A line more than the tile needs keeps tiles out of each other's cache sets.
inline int64_t packed_float32_tile_stride(int64_t inner) { return (inner * kFloat32TileRows / kLanes + 2) * kLanes; }

/// Tiles first .. last of six rows of `a` [rows, inner], whose columns are dense: each [inner][6]. Eight numbers are written at a time, of
/// which the next ones overwrite the last two.
template <class X>
[[gnu::always_inline]] inline void pack_float32_tiles(float* to, const GemmMatrix<X>& a, int64_t rows, int64_t inner, int64_t first,
                                                      int64_t last) {
  constexpr int64_t kGroup = 128, kStored = 8;  // no more streams than caches follow
  const int64_t stride = packed_float32_tile_stride(inner);
  for (int64_t group = first; group < last; group += kGroup) {
    const int64_t end = std::min(last, group + kGroup), whole = std::min(end, (rows - kStored + kFloat32TileRows) / kFloat32TileRows);
    for (int64_t k = 0; k < inner; ++k) {
      const X* column = a.data + k * a.column_stride;
      float* packed = to + group * stride + k * kFloat32TileRows;
      int64_t tile = group;
      for (; tile < whole; ++tile, packed += stride) Register<8>::store(packed, Register<8>::load(column + tile * kFloat32TileRows));
      for (; tile < end; ++tile, packed += stride) {
        const int64_t row = tile * kFloat32TileRows;
        for (int64_t r = 0; r < kFloat32TileRows; ++r) packed[r] = row + r < rows ? static_cast<float>(column[row + r]) : 0.0f;
      }
    }
  }
}

}  // namespace hyperfit::kernels
