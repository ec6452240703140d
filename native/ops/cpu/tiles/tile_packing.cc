#include "ops/cpu/tiles/tile_packing.h"

#include <algorithm>
#include <cstring>

#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/tiles/pack_tile.h"

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

template <Side side>
void pack_edge_tile(char* to, int64_t x, int64_t k, const TileSource& s) {
  BFloat16 elements[kTile * kTileSummed];
  std::memset(static_cast<void*>(elements), 0, sizeof elements);
  for (int64_t i = 0; i < std::min(kTile, s.count - x); ++i) {
    for (int64_t j = 0; j < std::min(kTileSummed, s.summed - k); ++j) {
      const int64_t at = side == Side::left ? i * kTileSummed + j : (j / 2 * kTile + i) * 2 + j % 2;
      elements[at] = s.data[(x + i) * s.x_stride + (k + j) * s.k_stride];
    }
  }
  std::memcpy(to, elements, sizeof elements);
}

template <Side side>
struct PackGroups {
  template <class L>
  [[gnu::always_inline]] static inline void run(char* packed, const TileSource& s, int64_t first, int64_t last, int64_t first_step,
                                                int64_t last_step) {
    const int64_t tiles = s.tiles(), steps = s.steps();
    for (int64_t group = first; group < last; ++group) {
      const int64_t width = std::min(kGroupTiles, tiles - group * kGroupTiles);
      char* to = packed + (group * kGroupTiles * steps + first_step * width) * kTileBytes;
      for (int64_t step = first_step; step < last_step; ++step) {
        for (int64_t tile = 0; tile < width; ++tile, to += kTileBytes) {
          const int64_t x = (group * kGroupTiles + tile) * kTile, k = step * kTileSummed;
          if (k + kTileSummed <= s.summed && (s.k_stride == 1 || x + kTile <= s.count)) {
            pack_tile<side, L>(to, s.data + x * s.x_stride + k * s.k_stride, s, s.count - x);
          } else {
            pack_edge_tile<side>(to, x, k, s);
          }
        }
      }
    }
  }
};

}  // namespace

void pack_left_groups(char* packed, const TileSource& source, int64_t first, int64_t last) {
  dispatch<PackGroups<Side::left>>(packed, source, first, last, int64_t{0}, source.steps());
}
void pack_right_groups(char* packed, const TileSource& source, int64_t first, int64_t last) {
  dispatch<PackGroups<Side::right>>(packed, source, first, last, int64_t{0}, source.steps());
}
void pack_right_steps(char* packed, const TileSource& source, int64_t first, int64_t last) {
  dispatch<PackGroups<Side::right>>(packed, source, int64_t{0}, source.groups(), first, last);
}

}  // namespace hyperfit::kernels
