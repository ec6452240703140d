#include "ops/cpu/tiles/tile_rows.h"

#include <algorithm>

#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/tiles/tile_packing.h"
#include "ops/cpu/tiles/tile_target.h"

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

thread_local ThreadBuffer last_outputs;

TileSource rows_of(const BFloat16* x, int64_t rows, int64_t in) { return {x, in, 1, rows, in}; }

// Outputs that fill no tile are packed with zeros: what stands behind the last weights is nobody's.
template <class Y>
TileGroup outputs_from(const SkinnyGemm<Y, BFloat16>& p, int64_t output, int64_t count) {
  const int64_t tiles = (count + kTile - 1) / kTile, row = p.in * static_cast<int64_t>(sizeof(BFloat16));
  const BFloat16* weights = p.weight + output * p.in;
  if (output + tiles * kTile <= p.out) return {reinterpret_cast<const char*>(weights), row, kTile * row, kTileRowBytes, tiles};
  const TileSource source = rows_of(weights, p.out - output, p.in);
  char* packed = last_outputs.take<char>(source.bytes());
  pack_left_groups(packed, source, 0, 1);
  return packed_group(packed, 0, source.tiles(), source.steps());
}

}  // namespace

bool takes_tile_rows(int64_t in) { return in % kTileSummed == 0 && has_tiles(); }

void pack_tile_rows(void* packed, const BFloat16* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  pack_right_steps(static_cast<char*>(packed), rows_of(x, rows, in), first, last);
}

template <class Y>
void tile_row_columns(const SkinnyGemm<Y, BFloat16>& p, const void* packed, int64_t first, int64_t last) {
  const TileSource x = rows_of(p.x, p.rows, p.in);
  const TileScope tiles;
  alignas(64) float sums[kGroup * kGroup];
  for (int64_t output = first; output < last; output += kGroup) {
    const int64_t count = std::min(kGroup, last - output);
    const TileGroup left = outputs_from(p, output, count);
    for (int64_t group = 0; group < x.groups(); ++group) {
      const TileGroup right = packed_group(static_cast<const char*>(packed), group, x.tiles(), x.steps());
      const bool asks_next = group == 0 && output + 2 * kGroup <= p.out;
      tiles.multiply({.a = left.at,
                      .a_row = left.row,
                      .a_tile = left.tile,
                      .a_step = left.step,
                      .b = right.at,
                      .b_step = right.step,
                      .steps = x.steps(),
                      .sums = sums,
                      .sums_row = kGroup,
                      .adds = false,
                      .row_tiles = left.tiles,
                      .column_tiles = right.tiles,
                      .next_a = asks_next ? kGroup * left.row : 0,
                      .ahead = nullptr,
                      .ahead_lines = 0});
      Y* y = p.y + group * kGroup * p.out + output;
      store_tiles(TileTarget<Y>{sums, kGroup, y, p.out, nullptr, 0, count, std::min(kGroup, p.rows - group * kGroup), true});
    }
  }
}
template void tile_row_columns(const SkinnyGemm<float, BFloat16>&, const void*, int64_t, int64_t);
template void tile_row_columns(const SkinnyGemm<BFloat16, BFloat16>&, const void*, int64_t, int64_t);

}  // namespace hyperfit::kernels
