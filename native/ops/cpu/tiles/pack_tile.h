#pragma once
#include "ops/cpu/lanes/transpose.h"
#include "ops/cpu/tiles/tile_packing.h"

namespace hyperfit::kernels {

constexpr int64_t kTilePairs = kTileSummed / 2;
enum class Side { left, right };

// Words of which the first half is of `even` and the second of `odd`, sixteen each.
template <int N>
[[gnu::always_inline]] inline void interleave(LanesOf<N>& words, const c10::BFloat16* even, const c10::BFloat16* odd) {
  using Floats = typename Register<N>::Floats;
  using Bits = typename Register<N>::Bits;
#pragma GCC unroll 4
  for (int i = 0; i < LanesOf<N>::kParts; ++i) {
    words.part(i) = (Floats)((Bits)Register<N>::load(even + i * N) >> 16 | (Bits)Register<N>::load(odd + i * N));
  }
}

// Pairs are words. What is dense in the source comes as [x][pairs] or as [pairs][x], and is transposed where the side wants the other. Of x
// `count` are there, all sixteen where pairs are not dense.
template <Side side, class L>
[[gnu::always_inline]] inline void pack_tile(char* to, const c10::BFloat16* from, const TileSource& s, int64_t count) {
  L words[kTile];
  const bool dense_pairs = s.k_stride == 1;
  if (dense_pairs) {
#pragma GCC unroll 16
    for (int x = 0; x < kTile; ++x) words[x] = x < count ? L::load(reinterpret_cast<const float*>(from + x * s.x_stride)) : L{};
  } else {
#pragma GCC unroll 16
    for (int pair = 0; pair < kTilePairs; ++pair) interleave(words[pair], from + 2 * pair * s.k_stride, from + (2 * pair + 1) * s.k_stride);
  }
  if (dense_pairs == (side == Side::right)) transpose(words);
#pragma GCC unroll 16
  for (int row = 0; row < kTile; ++row) words[row].store(reinterpret_cast<float*>(to + row * kTileRowBytes));
}

}  // namespace hyperfit::kernels
