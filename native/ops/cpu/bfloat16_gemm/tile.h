#pragma once
// Six rows by 64 columns of a bfloat16 product: the sums that fit into the registers.
#include "ops/cpu/bfloat16_gemm/packing.h"

#ifdef HYPERFIT_BF16_PRODUCT
#include <algorithm>
#include <cstring>

#include "ops/cpu/lanes/lanes_of.h"
#include "ops/cpu/memory/thread_buffer.h"

namespace hyperfit::kernels {

constexpr int64_t kTileRows = kPackedTileRows, kVectors = kPanelColumns / kLanes;

/// Up to six rows of `a` and one packed panel. Strides in elements; `next` is how far off the tile after it stands.
struct Tile {
  const c10::BFloat16* a;
  int64_t row_stride, pair_stride;
  const c10::BFloat16* panel;
  int64_t pairs, next;
};

template <int R>
HYPERFIT_BF16_PRODUCT inline void multiply(const Tile& tile, __m512 (&sums)[R][kVectors]) {
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  const c10::BFloat16 *a = tile.a, *panel = tile.panel;
  const int64_t row_stride = tile.row_stride, pair_stride = tile.pair_stride;
  constexpr int64_t kLinePairs = 16;  // of a dense row
  for (int64_t left = tile.pairs; left > 0; left -= kLinePairs) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) __builtin_prefetch(a + tile.next + (pair_stride == 2 ? r * row_stride : r * 32), 0, 3);
    for (int64_t p = std::min(kLinePairs, left); p > 0; --p, a += pair_stride, panel += kPanelPair) {
      __m512bh b[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) b[v] = (__m512bh)_mm512_load_si512(panel + v * 2 * kLanes);
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) {
        int32_t pair;
        std::memcpy(&pair, a + r * row_stride, sizeof pair);
        const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], both, b[v]);
      }
    }
  }
}

HYPERFIT_BF16_PRODUCT inline void store_some(float* to, __mmask16 mask, __m512 value) { _mm512_mask_storeu_ps(to, mask, value); }
HYPERFIT_BF16_PRODUCT inline void store_some(c10::BFloat16* to, __mmask16 mask, __m512 value) {
  _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

HYPERFIT_BF16_PRODUCT inline __mmask16 mask_of(int64_t count) {
  return count >= kLanes ? 0xffff : count > 0 ? static_cast<__mmask16>((1u << count) - 1) : 0;
}

/// Where the sums of a tile come from and go to.
template <class Y>
struct Target {
  float* sums;       // [6, 64] of the blocks before, and for those to come
  bool first, keeps;  // whether there was no block of the summed dimension before; whether the sums are still to be used
  Y* y;
  int64_t stride;
  const float* addend;
  int64_t addend_stride, columns;
};

// What the sums will be added to and stored in comes from memory while they are made.
template <class Y>
inline void ask_for(const Target<Y>& target, int64_t rows) {
  constexpr int64_t kLine = 64;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < kPanelColumns; c += kLine / static_cast<int64_t>(sizeof(Y)))
      __builtin_prefetch(target.y + r * target.stride + c, 1, 2);
    if (!target.addend) continue;
    for (int64_t c = 0; c < kPanelColumns; c += kLanes) __builtin_prefetch(target.addend + r * target.addend_stride + c, 0, 2);
  }
}

/// Adds up one tile of R rows.
template <int R, class Y>
HYPERFIT_BF16_PRODUCT void tile_product(const Tile& tile, const Target<Y>& target) {
  __m512 sums[R][kVectors];
  if (!target.keeps) ask_for(target, R);
  multiply<R>(tile, sums);
  if (!target.first) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        sums[r][v] = _mm512_add_ps(sums[r][v], _mm512_loadu_ps(target.sums + r * kPanelColumns + v * kLanes));
    }
  }
  if (target.keeps) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) _mm512_storeu_ps(target.sums + r * kPanelColumns + v * kLanes, sums[r][v]);
    }
    return;
  }
  __mmask16 masks[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) masks[v] = mask_of(target.columns - v * kLanes);
  if (target.addend) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = _mm512_add_ps(sums[r][v], _mm512_maskz_loadu_ps(masks[v], target.addend + r * target.addend_stride + v * kLanes));
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store_some(target.y + r * target.stride + v * kLanes, masks[v], sums[r][v]);
  }
}

/// The same for 1 to 6 rows.
template <class Y>
void tile_product(int64_t rows, const Tile& tile, const Target<Y>& target) {
  switch (rows) {
    case 6: return tile_product<6>(tile, target);
    case 5: return tile_product<5>(tile, target);
    case 4: return tile_product<4>(tile, target);
    case 3: return tile_product<3>(tile, target);
    case 2: return tile_product<2>(tile, target);
    default: return tile_product<1>(tile, target);
  }
}

}  // namespace hyperfit::kernels
#endif
