#pragma once
// y [rows, columns] = a b by tiles, from the outside in, with what each level keeps near:
//
//   for each part of the columns                         its b, packed: last cache        multiply_by_tiles, shared by threads
//     for each block of rows                             a's rows: L2                     compute
//       for each panel of 32 columns                     its sums: L2                     compute_panel
//         for each pair of parts of the operands
//           for each block of at most 640 summed         b's panel: L1
//             for each group of 32 rows                  2 x 2 tiles of sums: registers   multiply (tile_loops.h)
//
// `Operands` says where a's groups stand and packs b: count, first_row, left, stands_in_place, right, pack_right; kParts pairs of parts
// that are multiplied, of which part i of a packed operand stands i times its bytes behind the first; and `finish`, what becomes of sums.
#include <algorithm>
#include <type_traits>

#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/parallel.h"
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

/// Which parts of both operands are multiplied.
struct PartPair {
  int64_t left, right;
};

/// What is computed, and where it goes, as in Bfloat16Gemm.
template <class Y>
struct TileResult {
  Y* y;
  int64_t y_stride;
  bool transposed;
  const float* addend;
  int64_t addend_stride, rows, columns, inner;
};

/// Columns [first, first + count) of a product, whose b is packed.
template <class Operands, class Y>
class ColumnPart {
 public:
  ColumnPart(const TileResult<Y>& result, const Operands& operands, int64_t first, int64_t count)
      : p_(result),
        operands_(operands),
        first_(first),
        count_(count),
        tiles_((count + kTile - 1) / kTile),
        steps_((p_.inner + kTileSummed - 1) / kTileSummed) {
    const int64_t blocks = (steps_ + kBlockSteps - 1) / kBlockSteps;
    block_ = (steps_ + blocks - 1) / blocks;
    const int64_t most = std::max<int64_t>(1, kRowBlockBytes / (kGroup * kTileRowBytes * steps_ * Operands::kParts));
    const int64_t shared = std::max<int64_t>(1, operands_.count() * panels() / (kTasksPerThread * thread_count()));
    const int64_t row_blocks = (operands_.count() + std::min(most, shared) - 1) / std::min(most, shared);
    groups_ = (operands_.count() + row_blocks - 1) / row_blocks;
  }

  void compute() {
    packed_ = packed_right.take<char>(Operands::kParts * part_bytes());
    parallel_for(0, panels(), std::max<int64_t>(1, 16 / steps_),
                 [this](int64_t begin, int64_t end) { operands_.pack_right(packed_, first_, count_, begin, end); });
    const int64_t tasks = (operands_.count() + groups_ - 1) / groups_ * panels(), work = groups_ * kGroupSums * p_.inner;
    parallel_for(0, tasks, std::max<int64_t>(1, kTaskWork / work), [this](int64_t begin, int64_t end) {
      const TileScope tiles;
      for (int64_t task = begin; task < end; ++task)
        compute_panel(tiles, task / panels() * groups_, task % panels(), task == begin || task % panels() == 0);
    });
  }

 private:
  static constexpr size_t kPairs = std::size(Operands::kPairs);
  int64_t panels() const { return (count_ + kGroup - 1) / kGroup; }
  int64_t part_bytes() const { return tiles_ * steps_ * kTileBytes; }

  // `fresh`: the block's rows are not in the second cache yet.
  void compute_panel(const TileScope& tiles, int64_t first, int64_t panel, bool fresh) const {
    const int64_t last = std::min(operands_.count(), first + groups_);
    const bool is_one_block = kPairs == 1 && block_ >= steps_;
    float* sums = tile_sums.take<float>(is_one_block ? kGroupSums : groups_ * kGroupSums);
    for (size_t pair = 0; pair < kPairs; ++pair) {
      for (int64_t step = 0; step < steps_; step += block_) {
        for (int64_t group = first; group < last; ++group) {
          const TileTarget<Y> to = target(group, panel, sums + (is_one_block ? 0 : (group - first) * kGroupSums));
          TileProduct product = product_of(parts_of(pair), group, panel, step);
          const bool direct = stores_directly(to, product);
          product.sums = direct ? y_sums(to) : const_cast<float*>(to.sums);
          product.sums_row = direct ? to.y_stride : kGroup;
          product.adds = pair > 0 || step > 0;
          if (fresh && pair == 0 && group + 1 < last && operands_.stands_in_place(group + 1)) product.next_a = kGroup * product.a_row;
          // What comes after this block of b stands behind it, and is asked for by all groups together.
          const int64_t lines = (product.column_tiles * kTile + last - first - 1) / (last - first), asked = (group - first) * lines;
          product.ahead = product.b + product.steps * (product.b_step + (group - first) * lines * kTileRowBytes);
          product.ahead_lines = asked < product.column_tiles * kTile ? lines : 0;
          tiles.multiply(product);
          if (pair + 1 == kPairs && step + product.steps == steps_ && !direct) {
            operands_.finish(product.sums, operands_.first_row(group), first_ + panel * kGroup);
            store_tiles(to);
          }
        }
      }
    }
  }

  // In the order of the product that is not transposed, so that both have the same bits.
  PartPair parts_of(size_t pair) const {
    const PartPair parts = Operands::kPairs[pair];
    return p_.transposed ? PartPair{parts.right, parts.left} : parts;
  }

  TileProduct product_of(const PartPair& parts, int64_t group, int64_t panel, int64_t step) const {
    const TileGroup left = operands_.left(group, parts.left),
                    right = packed_group(packed_ + parts.right * part_bytes(), panel, tiles_, steps_);
    TileProduct product{};
    product.a = left.at + step * left.step;
    product.a_row = left.row;
    product.a_tile = left.tile;
    product.a_step = left.step;
    product.b = right.at + step * right.step;
    product.b_step = right.step;
    product.steps = std::min(block_, steps_ - step);
    product.row_tiles = left.tiles;
    product.column_tiles = right.tiles;
    return product;
  }

  // Sums that are the result need no memory of their own.
  static bool stores_directly(const TileTarget<Y>& to, const TileProduct& product) {
    return std::is_same_v<Y, float> && Operands::kParts == 1 && !to.addend && !to.transposed && to.rows == product.row_tiles * kTile &&
           to.columns == product.column_tiles * kTile;
  }
  static float* y_sums(const TileTarget<Y>& to) {
    if constexpr (std::is_same_v<Y, float>) return to.y;
    return nullptr;
  }

  TileTarget<Y> target(int64_t group, int64_t panel, const float* sums) const {
    const int64_t row = operands_.first_row(group), column = first_ + panel * kGroup;
    auto offset = [&](int64_t stride) { return p_.transposed ? column * stride + row : row * stride + column; };
    return {.sums = sums,
            .sums_row = kGroup,
            .y = p_.y + offset(p_.y_stride),
            .y_stride = p_.y_stride,
            .addend = p_.addend ? p_.addend + offset(p_.addend_stride) : nullptr,
            .addend_stride = p_.addend_stride,
            .rows = std::min(operands_.left(group, 0).tiles * kTile, p_.rows - row),
            .columns = std::min(kGroup, count_ - panel * kGroup),
            .transposed = p_.transposed};
  }

  const TileResult<Y>& p_;
  const Operands& operands_;
  int64_t first_, count_, tiles_, steps_, block_, groups_;
  char* packed_ = nullptr;
};

template <class Operands, class Y>
void multiply_by_tiles(const TileResult<Y>& result, const Operands& operands) {
  const int64_t steps = (result.inner + kTileSummed - 1) / kTileSummed;
  const int64_t part = std::max<int64_t>(1, kColumnPartBytes / (Operands::kParts * steps * kGroupTiles * kTileBytes)) * kGroup;
  for (int64_t column = 0; column < result.columns; column += part) {
    ColumnPart<Operands, Y>(result, operands, column, std::min(part, result.columns - column)).compute();
  }
}

}  // namespace
}  // namespace hyperfit::kernels
