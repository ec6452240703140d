#pragma once
// The products of attention by the instruction that multiplies and adds pairs of bfloat16.
#include "ops/cpu/attention/attention_block.h"
#include "ops/cpu/attention/causal_attention.h"
#include "ops/cpu/attention/pair_softmax.h"
#include "ops/cpu/bfloat16_gemm/tile.h"

#ifdef HYPERFIT_BF16_PRODUCT
namespace hyperfit::kernels {
namespace {

static_assert(kAttentionPanel == kPanelColumns);
thread_local ThreadBuffer packed_columns, packed_rows;

struct PairProducts : PairSoftmax {
  using BFloat16 = c10::BFloat16;
  using Element = BFloat16;

  /// One matrix [T, D] packed for products whose columns are its rows (to multiply by its transpose), or for those whose
  /// columns are its columns.
  class Head {
   public:
    Head(ThreadBuffer& buffer, const CausalAttention<BFloat16>& c) : length_(c.length), size_(c.size) {
      const int64_t transposed = panels_of(length_) * size_ * kPanelColumns,
                    rows = panels_of(size_) * panels_of(length_) * kPanelColumns * kPanelColumns;
      to_ = buffer.take<BFloat16>(std::max(transposed, rows));
    }
    void pack_transposed(const BFloat16* rows) const {
      for (int64_t n = 0; n < length_; n += kPanelColumns)
        pack_panel(to_ + n * size_, {rows, 1, size_}, 0, size_, n, std::min(kPanelColumns, length_ - n));
    }
    void pack(const BFloat16* rows, int64_t row_stride) const {
      for (int64_t n = 0; n < size_; n += kPanelColumns)
        pack_panel(columns_from(0, n), {rows, row_stride, 1}, 0, length_, n, std::min(kPanelColumns, size_ - n));
    }
    const BFloat16* rows_from(int64_t row) const { return to_ + row * size_; }
    BFloat16* columns_from(int64_t row, int64_t column) const {
      return to_ + column * panels_of(length_) * kPanelColumns + row / 2 * kPanelPair;
    }
    int64_t size() const { return size_; }

   private:
    BFloat16* to_;
    int64_t length_, size_;
  };

  /// to [rows, keys] = a [rows, D] times the transpose of what is packed; `stride` is that of `to`.
  void multiply_transposed(float* to, int64_t stride, const BFloat16* a, int64_t a_stride, const Head& packed,
                           const AttentionBlock& block) const {
    for (int64_t key = block.low; key < block.high; key += kPanelColumns) {
      for (int64_t row = 0; row < block.rows(); row += kTileRows) {
        const Tile tile{a + row * a_stride, a_stride, 2, packed.rows_from(key), packed.size() / 2, kTileRows * a_stride};
        tile_product<float>(std::min(kTileRows, block.rows() - row), tile,
                            {nullptr, true, false, to + row * stride + key, stride, nullptr, 0, kPanelColumns});
      }
    }
  }

  /// to [rows, D] = a [rows, keys] times the keys' rows of what is packed.
  void multiply_keys(BFloat16* to, int64_t stride, const BFloat16* a, int64_t a_stride, const Head& packed,
                     const AttentionBlock& block) const {
    for (int64_t column = 0; column < packed.size(); column += kPanelColumns) {
      for (int64_t row = 0; row < block.rows(); row += kTileRows) {
        const Tile tile{a + row * a_stride + block.low,
                        a_stride,
                        2,
                        packed.columns_from(block.low, column),
                        (block.keys() + 1) / 2,
                        kTileRows * a_stride};
        tile_product<BFloat16>(std::min(kTileRows, block.rows() - row), tile,
                               {nullptr, true, false, to + row * stride + column, stride, nullptr, 0, packed.size() - column});
      }
    }
  }

  /// to [T, D], of which the block's keys += the transpose of `a` [rows, keys] times b [rows, D].
  void add_transposed(float* to, int64_t size, const BFloat16* a, int64_t a_stride, const BFloat16* b, int64_t b_stride,
                      const AttentionBlock& block) const {
    const int64_t tiles = (block.keys() + kTileRows - 1) / kTileRows, tile_stride = packed_tile_stride(block.rows());
    BFloat16* left = packed_columns.take<BFloat16>(tiles * tile_stride);
    pack_tiles(left, {a + block.low, 1, a_stride}, block.keys(), block.rows(), 0, tiles);
    BFloat16* right = packed_rows.take<BFloat16>(kAttentionRows * kPanelColumns);
    for (int64_t column = 0; column < size; column += kPanelColumns) {
      const int64_t columns = std::min(kPanelColumns, size - column);
      pack_panel(right, {b, b_stride, 1}, 0, block.rows(), column, columns);
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t key = tile * kTileRows;
        float* sums = to + (block.low + key) * size + column;
        tile_product<float>(std::min(kTileRows, block.keys() - key),
                            {left + tile * tile_stride, 2, kPackedPair, right, (block.rows() + 1) / 2, tile_stride},
                            {nullptr, true, false, sums, size, sums, size, columns});
      }
    }
  }
};

}  // namespace
}  // namespace hyperfit::kernels
#endif
