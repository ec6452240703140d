#pragma once
// Six rows by as many columns of a float32 product as the registers hold sums of.
#include <algorithm>
#include <type_traits>

#include "ops/cpu/float32_gemm/avx2_sums.h"
#include "ops/cpu/lanes/lane_functions.h"

namespace hyperfit::kernels {

constexpr int64_t kFloat32TileRows = 6;
/// Vectors of sixteen columns: four with AVX-512, one with AVX2.
template <class L>
constexpr int kPanelVectors = L::kFit >= 32 ? 4 : 1;
template <class L>
constexpr int64_t kPanelWidth = kPanelVectors<L> * kLanes;

/// Up to six rows of `a`, of which rows or columns are dense, and a packed panel [inner][width]. Strides in elements; `next` is how far off
/// the tile after it stands.
struct Float32Tile {
  const float* a;
  int64_t row_stride, inner_stride;
  const float* panel;
  int64_t inner, next;
};

/// Where the sums of a tile come from and go to.
struct Float32Target {
  float* sums;        // [6, width] of the blocks before, and for those to come
  bool first, keeps;  // whether there was no block of the summed dimension before; whether the sums are still to be used
  float* y;
  int64_t stride;
  const float* addend;
  int64_t addend_stride, columns;
};

/// Adds as many products as instructions of our own can, where there are such; how many those were.
template <class L, int R>
[[gnu::always_inline]] inline int64_t add_turns(const Float32Tile& tile, L (&sums)[R][kPanelVectors<L>]) {
#if defined(HYPERFIT_AVX2_SUMS)
  if constexpr (std::is_same_v<L, LanesOf<8>> && R == kFloat32TileRows) {
    const int64_t count = tile.inner / kAvx2Turn * kAvx2Turn;
    if (count == 0) return 0;
    alignas(32) float own[R * kLanes];
    for (int r = 0; r < R; ++r) sums[r][0].store(own + r * kLanes);
    if (tile.inner_stride == 1) {
      add_avx2_rows(own, tile.a, tile.row_stride, tile.a + tile.next, tile.panel, count);
    } else {
      add_avx2_columns(own, tile.a, tile.inner_stride, tile.a + tile.next, tile.panel, count);
    }
    for (int r = 0; r < R; ++r) sums[r][0] = L::load(own + r * kLanes);
    return count;
  }
#endif
  return 0;
}

template <class L, int R>
[[gnu::always_inline]] inline void multiply(const Float32Tile& tile, L (&sums)[R][kPanelVectors<L>]) {
  constexpr int V = kPanelVectors<L>;
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = {};
  }
  const int64_t row_stride = tile.row_stride, inner_stride = tile.inner_stride, added = add_turns<L, R>(tile, sums);
  const float *a = tile.a + added * inner_stride, *panel = tile.panel + added * V * kLanes;
  for (int64_t left = tile.inner - added; left > 0; left -= kLanes) {
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) __builtin_prefetch(a + tile.next + (inner_stride == 1 ? r * row_stride : r * kLanes), 0, 3);
    for (int64_t k = std::min(kLanes, left); k > 0; --k, a += inner_stride, panel += V * kLanes) {
      L b[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) b[v] = L::load(panel + v * kLanes);
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) {
        const L x = a[r * row_stride];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sums[r][v] = multiply_add(sums[r][v], x, b[v]);
      }
    }
  }
}

// What the sums will be added to and stored in comes from memory while they are made.
inline void ask_for(const Float32Target& target, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < width; c += kLanes) __builtin_prefetch(target.y + r * target.stride + c, 1, 2);
    if (!target.addend) continue;
    for (int64_t c = 0; c < width; c += kLanes) __builtin_prefetch(target.addend + r * target.addend_stride + c, 0, 2);
  }
}

/// Adds up one tile of R rows.
template <class L, int R>
[[gnu::always_inline]] inline void tile_product(const Float32Tile& tile, const Float32Target& target) {
  constexpr int V = kPanelVectors<L>;
  constexpr int64_t kWidth = kPanelWidth<L>;
  L sums[R][V];
  if (!target.keeps) ask_for(target, R, kWidth);
  multiply<L, R>(tile, sums);
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      L sum = sums[r][v];
      float* kept = target.sums + r * kWidth + v * kLanes;
      if (!target.first) sum += L::load(kept);
      if (target.keeps) {
        sum.store(kept);
        continue;
      }
      const int64_t columns = std::min(target.columns - v * kLanes, kLanes);
      float* to = target.y + r * target.stride + v * kLanes;
      const float* addend = target.addend + r * target.addend_stride + v * kLanes;
      if (columns == kLanes) {
        if (target.addend) sum += L::load(addend);
        sum.store(to);
      } else if (columns > 0) {
        if (target.addend) sum += load_some<L>(addend, columns);
        store_some(to, sum, columns);
      }
    }
  }
}

/// The same for 1 to 6 rows.
template <class L>
[[gnu::always_inline]] inline void tile_product(int64_t rows, const Float32Tile& tile, const Float32Target& target) {
  switch (rows) {
    case 6: return tile_product<L, 6>(tile, target);
    case 5: return tile_product<L, 5>(tile, target);
    case 4: return tile_product<L, 4>(tile, target);
    case 3: return tile_product<L, 3>(tile, target);
    case 2: return tile_product<L, 2>(tile, target);
    default: return tile_product<L, 1>(tile, target);
  }
}

}  // namespace hyperfit::kernels
