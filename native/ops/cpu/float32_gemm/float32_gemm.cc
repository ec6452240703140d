#include "ops/cpu/float32_gemm/float32_gemm.h"

// y [rows, columns] = a b, from the outside in, with what each level keeps near (as in BLIS: Van Zee and van de Geijn 2015):
//
//   for each slab of the summed dimension                a's slab: last cache          float32_gemm
//     for each block of 171 row tiles                    its sums: L2                  TiledFloat32Product::compute, shared by threads
//       for each panel of 64 columns (AVX2: 16)          its sums                      compute_panel
//         for each block of the summed dimension         b's panel, packed: L2         pack_panel
//           for each tile of 6 rows                      a's rows: streamed            compute_tile
//             for each element summed                    6 x 64 sums: registers        multiply (tile.h)
#include <algorithm>

#include "ops/cpu/float32_gemm/packing.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kLongestFloat32Block = 1024;  // of the summed dimension: such a panel stays in the second cache
constexpr int64_t kFloat32BlockTiles = 171;     // whose sums, 64 columns wide, stay there too
constexpr int64_t kFloat32Slab = 2048;          // summed over so much `a`, read once for each panel, stays in the last cache

thread_local ThreadBuffer packed_panel, tile_sums, packed_tiles;

// Sixteen rows and columns of sums -> y [columns, rows].
template <class L>
[[gnu::always_inline]] inline void store_transposed_block(float* to, const Float32Target& target, const float* sums, const float* addend) {
  L block[kLanes];
#pragma GCC unroll 16
  for (int64_t i = 0; i < kLanes; ++i) block[i] = L::load(sums + i * kPanelWidth<L>);
  transpose(block);
  if (addend) {
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes; ++i) block[i] += L::load(addend + i * target.addend_stride);
  }
#pragma GCC unroll 16
  for (int64_t i = 0; i < kLanes; ++i) block[i].store(to + i * target.stride);
}

// sums [rows, width] -> y [columns, rows].
template <class L>
[[gnu::always_inline]] inline void store_transposed(const Float32Target& target, int64_t rows) {
  for (int64_t column = 0; column < target.columns; column += kLanes) {
    const int64_t columns = std::min(kLanes, target.columns - column);
    for (int64_t row = 0; row < rows; row += kLanes) {
      const int64_t some = std::min(kLanes, rows - row);
      const float* sums = target.sums + row * kPanelWidth<L> + column;
      float* to = target.y + column * target.stride + row;
      const float* addend = target.addend ? target.addend + column * target.addend_stride + row : nullptr;
      if (columns == kLanes && some == kLanes) {
        store_transposed_block<L>(to, target, sums, addend);
        continue;
      }
      for (int64_t i = 0; i < columns; ++i) {
        for (int64_t r = 0; r < some; ++r) to[i * target.stride + r] = sums[r * kPanelWidth<L> + i] + (addend ? addend[i * target.addend_stride + r] : 0.0f);
      }
    }
  }
}

/// A product as tiles, numbered down the row tiles of a panel, then from panel to panel, then from one block of row tiles to the next. A
/// thread takes consecutive numbers.
template <class L>
class TiledFloat32Product {
 public:
  [[gnu::always_inline]] inline TiledFloat32Product(const Float32Gemm& product, const float* packed) : p_(product), packed_(packed) {
    row_tiles_ = (p_.rows + kFloat32TileRows - 1) / kFloat32TileRows;
    panels_ = (p_.columns + kWidth - 1) / kWidth;
    const int64_t blocks = (p_.inner + kLongestFloat32Block - 1) / kLongestFloat32Block;
    block_ = (p_.inner + blocks - 1) / blocks;
  }

  [[gnu::always_inline]] inline void compute(int64_t begin, int64_t end) const {
    while (begin < end) {
      const int64_t row_block = begin / (kFloat32BlockTiles * panels_), tiles = std::min(kFloat32BlockTiles, row_tiles_ - row_block * kFloat32BlockTiles);
      const int64_t within = begin - row_block * kFloat32BlockTiles * panels_, panel = within / tiles, tile = within % tiles;
      const int64_t count = std::min(tiles - tile, end - begin);
      compute_panel(panel * kWidth, row_block * kFloat32BlockTiles + tile, count);
      begin += count;
    }
  }

 private:
  static constexpr int64_t kWidth = kPanelWidth<L>;

  [[gnu::always_inline]] inline void compute_panel(int64_t n, int64_t first_tile, int64_t count) const {
    const int64_t columns = std::min(kWidth, p_.columns - n);
    float* panel = packed_panel.take<float>(block_ * kWidth);
    float* sums = tile_sums.take<float>(count * kFloat32TileRows * kWidth);
    for (int64_t k = 0; k < p_.inner; k += block_) {
      const int64_t inner = std::min(block_, p_.inner - k);
      pack_panel<L>(panel, p_.b, k, inner, n, columns);
      for (int64_t tile = 0; tile < count; ++tile) compute_tile(first_tile + tile, k, inner, n, panel, sums + tile * kFloat32TileRows * kWidth);
    }
    if (!p_.transposed) return;
    const int64_t row = first_tile * kFloat32TileRows;
    store_transposed<L>(target(row, n, sums), std::min(count * kFloat32TileRows, p_.rows - row));
  }

  [[gnu::always_inline]] inline void compute_tile(int64_t number, int64_t k, int64_t inner, int64_t n, const float* panel, float* sums) const {
    const int64_t row = number * kFloat32TileRows, stride = packed_float32_tile_stride(p_.inner);
    const Float32Tile tile = packed_ ? Float32Tile{packed_ + number * stride + k * kFloat32TileRows, 1, kFloat32TileRows, panel, inner, stride}
                                     : Float32Tile{p_.a.data + row * p_.a.row_stride + k, p_.a.row_stride, 1, panel, inner, kFloat32TileRows * p_.a.row_stride};
    Float32Target to = target(row, n, sums);
    to.first = k == 0;
    to.keeps = p_.transposed || k + inner < p_.inner;
    tile_product<L>(std::min(kFloat32TileRows, p_.rows - row), tile, to);
  }

  [[gnu::always_inline]] inline Float32Target target(int64_t row, int64_t n, float* sums) const {
    const int64_t y = p_.transposed ? n * p_.y_stride + row : row * p_.y_stride + n;
    const int64_t addend = p_.transposed ? n * p_.addend_stride + row : row * p_.addend_stride + n;
    return {sums, false, false, p_.y + y, p_.y_stride, p_.addend ? p_.addend + addend : nullptr, p_.addend_stride, std::min(kWidth, p_.columns - n)};
  }

  Float32Gemm p_;
  const float* packed_;
  int64_t row_tiles_, panels_, block_;
};

struct Pack {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* to, const Float32Matrix& a, int64_t rows, int64_t inner, int64_t first, int64_t last) {
    if constexpr (L::kFit >= 8) pack_float32_tiles(to, a, rows, inner, first, last);
  }
};

struct Compute {
  template <class L>
  [[gnu::always_inline]] static inline void run(const Float32Gemm& p, const float* packed, int64_t begin, int64_t end) {
    if constexpr (L::kFit >= 8) TiledFloat32Product<L>(p, packed).compute(begin, end);
  }
};

int64_t panel_width() { return instruction_set() >= InstructionSet::avx512 ? kPanelWidth<LanesOf<16>> : kPanelWidth<LanesOf<8>>; }

void multiply_slab(const Float32Gemm& p) {
  const int64_t row_tiles = (p.rows + kFloat32TileRows - 1) / kFloat32TileRows, width = panel_width();
  float* packed = nullptr;
  if (p.a.column_stride != 1) {
    packed = packed_tiles.take<float>(row_tiles * packed_float32_tile_stride(p.inner));
    parallel_for(0, row_tiles, 16, [&](int64_t begin, int64_t end) { dispatch<Pack, float*, const Float32Matrix&>(packed, p.a, p.rows, p.inner, begin, end); });
  }
  const int64_t tiles = row_tiles * ((p.columns + width - 1) / width);
  const int64_t grain = std::max<int64_t>(1, (1 << 21) / (kFloat32TileRows * width * p.inner));
  parallel_for(0, tiles, grain, [&](int64_t begin, int64_t end) { dispatch<Compute, const Float32Gemm&>(p, packed, begin, end); });
}

}  // namespace

bool multiplies_float32() { return instruction_set() >= InstructionSet::avx2; }

// What is summed over very many (the input gradient of an output matrix) would read `a` from memory once a panel: it is cut into slabs.
void float32_gemm(const Float32Gemm& p) {
  for (int64_t k = 0; k < p.inner; k += kFloat32Slab) {
    Float32Gemm slab = p;
    slab.a.data += k * p.a.column_stride;
    slab.b.data += k * p.b.row_stride;
    slab.inner = std::min(kFloat32Slab, p.inner - k);
    if (k > 0) {
      slab.addend = p.y;
      slab.addend_stride = p.y_stride;
    }
    multiply_slab(slab);
  }
}

}  // namespace hyperfit::kernels
