#pragma once
#include "ops/cpu/tiles/tile_packing.h"

namespace hyperfit::kernels {

constexpr int64_t kSplitParts = 3;

/// As TileSource, of float32.
struct SplitSource {
  const float* data;
  int64_t x_stride, k_stride, count, summed;
  int64_t tiles() const { return (count + kTile - 1) / kTile; }
  int64_t groups() const { return (count + kGroup - 1) / kGroup; }
  int64_t steps() const { return (summed + kTileSummed - 1) / kTileSummed; }
  int64_t part_bytes() const { return tiles() * steps() * kTileBytes; }
};

/// scales[x] = the power of two that brings the largest number of x to 2^50, of groups [first, last); false where a number is not finite.
bool find_scales(float* scales, const SplitSource& source, int64_t first, int64_t last);

/// Groups [first, last) of the three parts, largest first, part_bytes() apart, each as pack_left_groups and pack_right_groups lay it out.
/// `scales` has a number for each x of whole tiles.
void pack_left_parts(char* packed, const SplitSource& source, const float* scales, int64_t first, int64_t last);
void pack_right_parts(char* packed, const SplitSource& source, const float* scales, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
