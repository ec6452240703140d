#include "ops/cpu/tiles/tile_gemm.h"

// y [rows, columns] = a b, from the outside in, with what each level keeps near:
//
//   for each part of the columns                         its b, packed: last cache        tile_gemm, shared by threads
//     for each block of rows                             a's rows: L2                     compute
//       for each panel of 32 columns                     its sums: L2                     compute_panel
//         for each block of at most 640 summed           b's panel: L1
//           for each group of 32 rows                    2 x 2 tiles of sums: registers   multiply (tile_loops.h)
#include <ATen/Parallel.h>

#include <algorithm>
#include <type_traits>

#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/tiles/tile_packing.h"
#include "ops/cpu/tiles/tile_target.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kBlockSteps = 20;                // of the summed dimension: 40 KB of b
constexpr int64_t kRowBlockBytes = 1 << 20;        // of a: half of the second cache
constexpr int64_t kColumnPartBytes = 1 << 22;      // of b, packed
constexpr int64_t kGroupSums = kGroup * kGroup;
constexpr int64_t kTaskWork = 1 << 22;             // products below which another thread costs more than it does
constexpr int64_t kTasksPerThread = 4;

thread_local ThreadBuffer packed_left, packed_right, tile_sums;

/// The rows of a, in groups of two tiles: where they stand if their tiles can be read there, but for a last tile that is not whole.
class LeftGroups {
 public:
  LeftGroups(const Bfloat16Matrix& a, int64_t rows, int64_t inner)
      : source_{a.data, a.row_stride, a.column_stride, rows, inner}, steps_(source_.steps()), in_place_(a.column_stride == 1 && inner % kTileSummed == 0) {
    whole_ = in_place_ ? rows / kTile : 0;
    whole_groups_ = (whole_ + kGroupTiles - 1) / kGroupTiles;
    rest_ = source_;
    rest_.data += whole_ * kTile * rest_.x_stride;
    rest_.count -= whole_ * kTile;
    packed_ = packed_left.take<char>(rest_.bytes());
    at::parallel_for(0, rest_.groups(), 1, [this](int64_t begin, int64_t end) { pack_left_groups(packed_, rest_, begin, end); });
  }
  int64_t count() const { return whole_groups_ + rest_.groups(); }
  int64_t first_row(int64_t group) const {
    return group < whole_groups_ ? group * kGroup : whole_ * kTile + (group - whole_groups_) * kGroup;
  }
  bool stands_in_place(int64_t group) const { return group < whole_groups_; }
  TileGroup at(int64_t group) const {
    if (!stands_in_place(group)) return packed_group(packed_, group - whole_groups_, rest_.tiles(), steps_);
    const int64_t row = source_.x_stride * static_cast<int64_t>(sizeof(c10::BFloat16));
    return {reinterpret_cast<const char*>(source_.data) + first_row(group) * row, row, kTile * row, kTileRowBytes, std::min(kGroupTiles, whole_ - group * kGroupTiles)};
  }

 private:
  TileSource source_, rest_;
  int64_t steps_, whole_ = 0, whole_groups_ = 0;
  bool in_place_;
  char* packed_;
};

/// Columns [first, first + count) of a product, whose b is packed.
template <class Y>
class ColumnPart {
 public:
  ColumnPart(const Bfloat16Gemm<Y>& product, const LeftGroups& left, int64_t first, int64_t count)
      : p_(product), left_(left), first_(first), right_{p_.b.data + first * p_.b.column_stride, p_.b.column_stride, p_.b.row_stride, count, p_.inner} {
    steps_ = right_.steps();
    const int64_t blocks = (steps_ + kBlockSteps - 1) / kBlockSteps;
    block_ = (steps_ + blocks - 1) / blocks;
    const int64_t most = std::max<int64_t>(1, kRowBlockBytes / (kGroup * kTileRowBytes * steps_));
    const int64_t shared = std::max<int64_t>(1, left_.count() * panels() / (kTasksPerThread * at::get_num_threads()));
    const int64_t row_blocks = (left_.count() + std::min(most, shared) - 1) / std::min(most, shared);
    groups_ = (left_.count() + row_blocks - 1) / row_blocks;
  }

  void compute() {
    packed_ = packed_right.take<char>(right_.bytes());
    at::parallel_for(0, panels(), std::max<int64_t>(1, 16 / steps_), [this](int64_t begin, int64_t end) { pack_right_groups(packed_, right_, begin, end); });
    const int64_t tasks = (left_.count() + groups_ - 1) / groups_ * panels(), work = groups_ * kGroupSums * p_.inner;
    at::parallel_for(0, tasks, std::max<int64_t>(1, kTaskWork / work), [this](int64_t begin, int64_t end) {
      const TileScope tiles;
      for (int64_t task = begin; task < end; ++task) compute_panel(tiles, task / panels() * groups_, task % panels(), task == begin || task % panels() == 0);
    });
  }

 private:
  int64_t panels() const { return right_.groups(); }

  // `fresh`: the block's rows are not in the second cache yet.
  void compute_panel(const TileScope& tiles, int64_t first, int64_t panel, bool fresh) const {
    const int64_t last = std::min(left_.count(), first + groups_), spread = block_ < steps_ ? kGroupSums : 0;
    const TileGroup right = packed_group(packed_, panel, right_.tiles(), steps_);
    float* sums = tile_sums.take<float>(block_ < steps_ ? groups_ * kGroupSums : kGroupSums);
    // What comes after this block of b stands behind it, and is asked for by all groups together.
    const int64_t lines = (right.tiles * kTile + last - first - 1) / (last - first);
    for (int64_t step = 0; step < steps_; step += block_) {
      const int64_t steps = std::min(block_, steps_ - step);
      for (int64_t group = first; group < last; ++group) {
        const int64_t index = group - first;
        const TileGroup left = left_.at(group);
        const TileTarget<Y> to = target(group, panel, sums + index * spread, left.tiles);
        const bool direct = stores_directly(to, left.tiles, right.tiles);
        const bool asks_rows = fresh && group + 1 < last && left_.stands_in_place(group + 1);
        tiles.multiply({.a = left.at + step * left.step,
                        .a_row = left.row,
                        .a_tile = left.tile,
                        .a_step = left.step,
                        .b = right.at + step * right.step,
                        .b_step = right.step,
                        .steps = steps,
                        .sums = direct ? y_sums(to) : sums + index * spread,
                        .sums_row = direct ? to.y_stride : kGroup,
                        .adds = step > 0,
                        .row_tiles = left.tiles,
                        .column_tiles = right.tiles,
                        .next_a = asks_rows ? kGroup * left.row : 0,
                        .ahead = right.at + (step + steps) * right.step + index * lines * steps * kTileRowBytes,
                        .ahead_lines = index * lines < right.tiles * kTile ? lines : 0});
        if (step + steps == steps_ && !direct) store_tiles(to);
      }
    }
  }

  // Sums that are the result need no memory of their own.
  static bool stores_directly(const TileTarget<Y>& to, int64_t row_tiles, int64_t column_tiles) {
    return std::is_same_v<Y, float> && !to.addend && !to.transposed && to.rows == row_tiles * kTile && to.columns == column_tiles * kTile;
  }
  static float* y_sums(const TileTarget<Y>& to) {
    if constexpr (std::is_same_v<Y, float>) return to.y;
    return nullptr;
  }

  TileTarget<Y> target(int64_t group, int64_t panel, const float* sums, int64_t row_tiles) const {
    const int64_t row = left_.first_row(group), column = first_ + panel * kGroup;
    auto offset = [&](int64_t stride) { return p_.transposed ? column * stride + row : row * stride + column; };
    return {.sums = sums,
            .sums_row = kGroup,
            .y = p_.y + offset(p_.y_stride),
            .y_stride = p_.y_stride,
            .addend = p_.addend ? p_.addend + offset(p_.addend_stride) : nullptr,
            .addend_stride = p_.addend_stride,
            .rows = std::min(row_tiles * kTile, p_.rows - row),
            .columns = std::min(kGroup, right_.count - panel * kGroup),
            .transposed = p_.transposed};
  }

  const Bfloat16Gemm<Y>& p_;
  const LeftGroups& left_;
  int64_t first_;
  TileSource right_;
  int64_t steps_, block_, groups_;
  char* packed_ = nullptr;
};

}  // namespace

template <class Y>
void tile_gemm(const Bfloat16Gemm<Y>& p) {
  const LeftGroups left(p.a, p.rows, p.inner);
  const int64_t steps = (p.inner + kTileSummed - 1) / kTileSummed;
  const int64_t part = std::max<int64_t>(1, kColumnPartBytes / (steps * kGroupTiles * kTileBytes)) * kGroup;
  for (int64_t column = 0; column < p.columns; column += part) ColumnPart<Y>(p, left, column, std::min(part, p.columns - column)).compute();
}
template void tile_gemm(const Bfloat16Gemm<float>&);
template void tile_gemm(const Bfloat16Gemm<c10::BFloat16>&);

}  // namespace hyperfit::kernels
