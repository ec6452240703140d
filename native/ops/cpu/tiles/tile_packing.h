#pragma once
// How the operands of a product are laid out for tiles: in groups of two tiles, each group as [steps][tiles][16 rows of 64 bytes].
#include <c10/util/BFloat16.h>

#include "ops/cpu/tiles/tiles.h"

namespace hyperfit::kernels {

constexpr int64_t kGroupTiles = 2;
constexpr int64_t kGroup = kGroupTiles * kTile;  // rows of the left operand, or columns of the right one

/// Element (x, k) at data[x x_stride + k k_stride]: x is a row of the left operand or a column of the right one, k what is summed over.
/// One of the strides is 1.
struct TileSource {
  const c10::BFloat16* data;
  int64_t x_stride, k_stride, count, summed;
  int64_t tiles() const { return (count + kTile - 1) / kTile; }
  int64_t groups() const { return (count + kGroup - 1) / kGroup; }
  int64_t steps() const { return (summed + kTileSummed - 1) / kTileSummed; }
  int64_t bytes() const { return tiles() * steps() * kTileBytes; }
};

/// A group, packed or where it stands: its first tile, and how far off (in bytes) the next row, tile and step are.
struct TileGroup {
  const char* at;
  int64_t row, tile, step, tiles;
};
inline TileGroup packed_group(const char* packed, int64_t group, int64_t tiles, int64_t steps) {
  const int64_t width = tiles - group * kGroupTiles < kGroupTiles ? tiles - group * kGroupTiles : kGroupTiles;
  return {packed + group * kGroupTiles * steps * kTileBytes, kTileRowBytes, kTileBytes, width * kTileBytes, width};
}

/// Groups [first, last) of a left operand, whose tiles are [16 x][32 k], or of a right one, [16 pairs of k][16 x][2]; zero where it ends.
void pack_left_groups(char* packed, const TileSource& source, int64_t first, int64_t last);
void pack_right_groups(char* packed, const TileSource& source, int64_t first, int64_t last);
/// Steps [first, last) of all groups.
void pack_right_steps(char* packed, const TileSource& source, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
