#include "ops/cpu/bfloat16_gemm/pair_gemm.h"

// y [rows, columns] = a b, from the outside in, with what each level keeps near (as in BLIS: Van Zee and van de Geijn 2015):
//
//   for each slab of the summed dimension                a's slab: last cache          bfloat16_gemm.cc
//     for each block of 171 row tiles                    its float32 sums: L2          TiledProduct::compute, shared by threads
//       for each panel of 64 columns                     its sums                      compute_panel
//         for each block of at most 576 summed           b's panel, packed: L1 and L2  pack_panel
//           for each tile of 6 rows                      a's rows: streamed            compute_tile
//             for each pair summed                       6 x 64 sums: registers        multiply (tile.h)
#include <algorithm>

#include "ops/cpu/bfloat16_gemm/tile.h"
#include "ops/cpu/lanes/lanes_of.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {

#ifdef HYPERFIT_BF16_PRODUCT
namespace {

using c10::BFloat16;

constexpr int64_t kLongestBlock = 576;       // of the summed dimension: such a panel stays in the nearest caches
constexpr int64_t kBlockTiles = 171;          // whose float32 sums, 64 columns wide, stay in the second cache

thread_local ThreadBuffer packed_panel, tile_sums, packed_tiles;

// sums [rows, 64] -> y [columns, rows].
template <class Y>
HYPERFIT_BF16_PRODUCT void store_transposed(const Target<Y>& target, int64_t rows) {
  for (int64_t column = 0; column < target.columns; column += kLanes) {
    for (int64_t row = 0; row < rows; row += kLanes) {
      Sixteen block[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i)
        block[i] = row + i < rows ? Register<16>::load(target.sums + (row + i) * kPanelColumns + column) : Sixteen{};
      transpose(block);
      const __mmask16 mask = mask_of(rows - row);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        if (column + i >= target.columns) continue;
        if (target.addend) block[i] += (Sixteen)_mm512_maskz_loadu_ps(mask, target.addend + (column + i) * target.addend_stride + row);
        store_some(target.y + (column + i) * target.stride + row, mask, (__m512)block[i]);
      }
    }
  }
}

/// Asks memory, a few lines at a time, for the block that is packed next.
class Ahead {
 public:
  Ahead(const Bfloat16Matrix& b, int64_t k, int64_t inner, int64_t n, int64_t count) {
    const bool dense_rows = b.column_stride == 1;
    at_ = reinterpret_cast<const char*>(b.data + k * b.row_stride + n * b.column_stride);
    stride_ = 2 * (dense_rows ? b.row_stride : b.column_stride);
    bytes_ = 2 * (dense_rows ? count : inner);
    left_ = dense_rows ? inner : count;
  }
  void ask(int64_t lines) {
    for (; lines > 0 && left_ > 0; --lines) {
      __builtin_prefetch(at_ + offset_, 0, 2);
      offset_ += 64;
      if (offset_ < bytes_) continue;
      offset_ = 0;
      at_ += stride_;
      --left_;
    }
  }

 private:
  const char* at_;
  int64_t stride_, bytes_, left_, offset_ = 0;
};

/// A product as tiles of 6 x 64, numbered down the row tiles of a panel, then from panel to panel, then from one block of
/// row tiles to the next. A thread takes consecutive numbers.
template <class Y>
class TiledProduct {
 public:
  TiledProduct(const Bfloat16Gemm<Y>& product, const BFloat16* packed) : p_(product), packed_(packed) {
    row_tiles_ = (p_.rows + kTileRows - 1) / kTileRows;
    panels_ = (p_.columns + kPanelColumns - 1) / kPanelColumns;
    const int64_t blocks = (p_.inner + kLongestBlock - 1) / kLongestBlock;
    block_ = ((p_.inner + blocks - 1) / blocks + 1) / 2 * 2;
  }
  int64_t tiles() const { return row_tiles_ * panels_; }

  void compute(int64_t begin, int64_t end) const {
    while (begin < end) {
      const int64_t row_block = begin / (kBlockTiles * panels_), tiles = std::min(kBlockTiles, row_tiles_ - row_block * kBlockTiles);
      const int64_t within = begin - row_block * kBlockTiles * panels_, panel = within / tiles, tile = within % tiles;
      const int64_t count = std::min(tiles - tile, end - begin);
      compute_panel(panel * kPanelColumns, row_block * kBlockTiles + tile, count);
      begin += count;
    }
  }

 private:
  void compute_panel(int64_t n, int64_t first_tile, int64_t count) const {
    const int64_t columns = std::min(kPanelColumns, p_.columns - n);
    BFloat16* panel = packed_panel.take<BFloat16>(block_ * kPanelColumns);
    float* sums = tile_sums.take<float>(kBlockTiles * kTileRows * kPanelColumns);
    for (int64_t k = 0; k < p_.inner; k += block_) {
      const int64_t inner = std::min(block_, p_.inner - k);
      pack_panel(panel, p_.b, k, inner, n, columns);
      Ahead ahead = next_block(k, n);
      const int64_t lines = 2 * block_ / count + 1;
      for (int64_t tile = 0; tile < count; ++tile) {
        ahead.ask(lines);
        compute_tile(first_tile + tile, k, inner, n, panel, sums + tile * kTileRows * kPanelColumns);
      }
    }
    if (!p_.transposed) return;
    const int64_t row = first_tile * kTileRows;
    store_transposed(target(row, n, sums), std::min(count * kTileRows, p_.rows - row));
  }

  void compute_tile(int64_t number, int64_t k, int64_t inner, int64_t n, const BFloat16* panel, float* sums) const {
    const int64_t row = number * kTileRows, pairs = (inner + 1) / 2;
    const Tile tile = packed_ ? Tile{packed_ + number * packed_tile_stride(p_.inner) + k / 2 * kPackedPair,
                                     2,
                                     kPackedPair,
                                     panel,
                                     pairs,
                                     packed_tile_stride(p_.inner)}
                              : Tile{p_.a.data + row * p_.a.row_stride + k, p_.a.row_stride, 2, panel, pairs, kTileRows * p_.a.row_stride};
    Target<Y> to = target(row, n, sums);
    to.first = k == 0;
    to.keeps = p_.transposed || k + inner < p_.inner;
    tile_product<Y>(std::min(kTileRows, p_.rows - row), tile, to);
  }

  Target<Y> target(int64_t row, int64_t n, float* sums) const {
    auto offset = [&](int64_t stride) { return p_.transposed ? n * stride + row : row * stride + n; };
    return {sums, false, false, p_.y + offset(p_.y_stride), p_.y_stride, p_.addend ? p_.addend + offset(p_.addend_stride) : nullptr,
            p_.addend_stride, std::min(kPanelColumns, p_.columns - n)};
  }

  Ahead next_block(int64_t k, int64_t n) const {
    k += block_;
    if (k >= p_.inner) {
      k = 0;
      n += kPanelColumns;
    }
    const int64_t columns = std::min(kPanelColumns, p_.columns - n);
    return {p_.b, k, columns > 0 ? std::min(block_, p_.inner - k) : 0, std::min(n, p_.columns - 1), std::max<int64_t>(0, columns)};
  }

  Bfloat16Gemm<Y> p_;
  const BFloat16* packed_;
  int64_t row_tiles_, panels_, block_;
};

}  // namespace

template <class Y>
void pair_gemm(const Bfloat16Gemm<Y>& p) {
  const int64_t row_tiles = (p.rows + kTileRows - 1) / kTileRows;
  BFloat16* packed = nullptr;
  if (p.a.column_stride != 1 || p.inner % 2 == 1) {
    packed = packed_tiles.take<BFloat16>(row_tiles * packed_tile_stride(p.inner));
    parallel_for(0, row_tiles, 16, [&](int64_t begin, int64_t end) { pack_tiles(packed, p.a, p.rows, p.inner, begin, end); });
  }
  const TiledProduct<Y> tiled(p, packed);
  const int64_t grain = std::max<int64_t>(1, (1 << 22) / (kTileRows * kPanelColumns * p.inner));
  parallel_for(0, tiled.tiles(), grain, [&](int64_t begin, int64_t end) { tiled.compute(begin, end); });
}
#else
template <class Y>
void pair_gemm(const Bfloat16Gemm<Y>&) {}
#endif
template void pair_gemm(const Bfloat16Gemm<float>&);
template void pair_gemm(const Bfloat16Gemm<c10::BFloat16>&);

}  // namespace hyperfit::kernels
