#pragma once
// The products of attention by tiles, with the members of PairProducts.
#include "ops/cpu/attention/attention_block.h"
#include "ops/cpu/attention/causal_attention.h"
#include "ops/cpu/attention/pair_softmax.h"
#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/tiles/tile_packing.h"
#include "ops/cpu/tiles/tile_target.h"

#ifdef HYPERFIT_BF16_PRODUCT
namespace hyperfit::kernels {
namespace {

thread_local ThreadBuffer packed_left_tiles, packed_right_tiles;

class TileProducts : public PairSoftmax {
 public:
  using BFloat16 = c10::BFloat16;
  using Element = BFloat16;

  TileProducts() {}

  class Head {
   public:
    Head(ThreadBuffer& buffer, const CausalAttention<BFloat16>& c)
        : length_(c.length), size_(c.size), packed_(buffer.take<char>(std::max(keys(nullptr).bytes(), columns(nullptr, 0).bytes()))) {}
    void pack_transposed(const BFloat16* rows) const { pack_right_groups(packed_, keys(rows), 0, keys(rows).groups()); }
    void pack(const BFloat16* rows, int64_t row_stride) const {
      pack_right_groups(packed_, columns(rows, row_stride), 0, columns(rows, row_stride).groups());
    }
    /// Groups of keys, which are summed over D; groups of D, which are summed over positions.
    TileGroup key_group(int64_t group) const { return packed_group(packed_, group, keys(nullptr).tiles(), keys(nullptr).steps()); }
    TileGroup column_group(int64_t group) const {
      return packed_group(packed_, group, columns(nullptr, 0).tiles(), columns(nullptr, 0).steps());
    }
    int64_t length() const { return length_; }
    int64_t size() const { return size_; }

   private:
    TileSource keys(const BFloat16* rows) const { return {rows, size_, 1, length_, size_}; }
    TileSource columns(const BFloat16* rows, int64_t row_stride) const { return {rows, 1, row_stride, size_, length_}; }

    int64_t length_, size_;
    char* packed_;
  };

  void multiply_transposed(float* to, int64_t stride, const BFloat16* a, int64_t a_stride, const Head& packed,
                           const AttentionBlock& block) const {
    const Rows left = rows_of(a, a_stride, block.rows(), packed.size());
    const int64_t steps = steps_of(packed.size()), groups = (std::min(block.padded_high, packed.length()) + kGroup - 1) / kGroup;
    for (int64_t group = block.low / kGroup; group < groups; ++group) {
      for (int64_t rows = 0; rows < left.groups(); ++rows)
        multiply(left.at(rows), packed.key_group(group), 0, steps, to + rows * kGroup * stride + group * kGroup, stride);
    }
    // Softmax reads whole panels.
    const int64_t filled = std::min(block.padded_high, (packed.length() + kTile - 1) / kTile * kTile);
    for (int64_t row = 0; row < block.rows(); ++row) std::fill(to + row * stride + filled, to + row * stride + block.padded_high, 0.0f);
  }

  // Probabilities of keys that a row does not see are zero to the end of the panel, and rows stand in whole tiles of the block's memory.
  void multiply_keys(BFloat16* to, int64_t stride, const BFloat16* a, int64_t a_stride, const Head& packed,
                     const AttentionBlock& block) const {
    const Rows left(reinterpret_cast<const char*>(a + block.low), a_stride, (block.rows() + kTile - 1) / kTile);
    for (int64_t column = 0; column < packed.size(); column += kGroup) {
      const TileGroup right = packed.column_group(column / kGroup);
      for (int64_t rows = 0; rows < left.groups(); ++rows) {
        multiply(left.at(rows), right, block.low / kTileSummed, steps_of(block.keys()), sums_, kGroup);
        const int64_t row = rows * kGroup;
        store_tiles(TileTarget<BFloat16>{sums_, kGroup, to + row * stride + column, stride, nullptr, 0,
                                         std::min(kGroup, block.rows() - row), std::min(kGroup, packed.size() - column), false});
      }
    }
  }

  void add_transposed(float* to, int64_t size, const BFloat16* a, int64_t a_stride, const BFloat16* b, int64_t b_stride,
                      const AttentionBlock& block) const {
    const TileSource keys{a + block.low, 1, a_stride, block.keys(), block.rows()}, columns{b, 1, b_stride, size, block.rows()};
    char *left = packed_left_tiles.take<char>(keys.bytes()), *right = packed_right_tiles.take<char>(columns.bytes());
    pack_left_groups(left, keys, 0, keys.groups());
    pack_right_groups(right, columns, 0, columns.groups());
    for (int64_t column = 0; column < size; column += kGroup) {
      const TileGroup packed = packed_group(right, column / kGroup, columns.tiles(), columns.steps());
      for (int64_t key = 0; key < block.keys(); key += kGroup) {
        multiply(packed_group(left, key / kGroup, keys.tiles(), keys.steps()), packed, 0, keys.steps(), sums_, kGroup);
        float* some = to + (block.low + key) * size + column;
        store_tiles(TileTarget<float>{sums_, kGroup, some, size, some, size, std::min(kGroup, block.keys() - key),
                                      std::min(kGroup, size - column), false});
      }
    }
  }

 private:
  /// Rows of a left operand in groups of two tiles, where they stand or packed.
  class Rows {
   public:
    Rows(const char* at, int64_t stride, int64_t tiles) : at_(at), row_(stride * static_cast<int64_t>(sizeof(BFloat16))), tiles_(tiles) {}
    Rows(const char* packed, const TileSource& source) : at_(packed), tiles_(source.tiles()), steps_(source.steps()) {}
    int64_t groups() const { return (tiles_ + kGroupTiles - 1) / kGroupTiles; }
    TileGroup at(int64_t group) const {
      if (steps_ > 0) return packed_group(at_, group, tiles_, steps_);
      return {at_ + group * kGroup * row_, row_, kTile * row_, kTileRowBytes, std::min(kGroupTiles, tiles_ - group * kGroupTiles)};
    }

   private:
    const char* at_;
    int64_t row_ = 0, tiles_, steps_ = 0;  // no steps: where they stand
  };

  static int64_t steps_of(int64_t count) { return (count + kTileSummed - 1) / kTileSummed; }

  static Rows rows_of(const BFloat16* a, int64_t stride, int64_t rows, int64_t inner) {
    if (rows % kTile == 0 && inner % kTileSummed == 0) return {reinterpret_cast<const char*>(a), stride, rows / kTile};
    const TileSource source{a, stride, 1, rows, inner};
    char* packed = packed_left_tiles.take<char>(source.bytes());
    pack_left_groups(packed, source, 0, source.groups());
    return {packed, source};
  }

  void multiply(const TileGroup& left, const TileGroup& right, int64_t right_step, int64_t steps, float* sums, int64_t sums_row) const {
    tiles_.multiply({.a = left.at,
                     .a_row = left.row,
                     .a_tile = left.tile,
                     .a_step = left.step,
                     .b = right.at + right_step * right.step,
                     .b_step = right.step,
                     .steps = steps,
                     .sums = sums,
                     .sums_row = sums_row,
                     .adds = false,
                     .row_tiles = left.tiles,
                     .column_tiles = right.tiles,
                     .next_a = 0,
                     .ahead = nullptr,
                     .ahead_lines = 0});
  }

  TileScope tiles_;
  alignas(64) mutable float sums_[kGroup * kGroup];
};

}  // namespace
}  // namespace hyperfit::kernels
#endif
