#include "ops/cpu/float32_gemm/slab.h"

// y [rows, columns] = a b, from the outside in, with what each level keeps near (as in BLIS: Van Zee and van de Geijn 2015):
//
//   for each slab of the summed dimension                a's slab: last cache          float32_gemm.cc, bfloat16_gemm.cc
//     for each block of 171 row tiles                    its sums: L2                  TiledFloat32Product::compute, shared by threads
//       for each panel of 64 columns (AVX2: 16)          its sums                      compute_panel
//         for each block of the summed dimension         b's panel, packed: L2         pack_panel
//           for each tile of 6 rows                      a's rows: streamed            compute_tile
//             for each element summed                    6 x 64 sums: registers        multiply (tile.h)
#include <algorithm>
#include <type_traits>

#include "ops/cpu/float32_gemm/packing.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/tiles/tile_target.h"
#include "ops/cpu/tiles/tiles.h"

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

constexpr int64_t kLongestFloat32Block = 1024;  // of the summed dimension: such a panel stays in the second cache
constexpr int64_t kFloat32BlockTiles = kFloat32BlockRows / kFloat32TileRows;

thread_local ThreadBuffer packed_panel, tile_sums;

/// What stands in one of two types; the other one has no data.
template <class Single, class Half>
struct Either {
  Single single;
  Half half;
};
using EitherMatrix = Either<GemmMatrix<float>, GemmMatrix<BFloat16>>;
using EitherResult = Either<float*, BFloat16*>;

template <class X>
EitherMatrix either(const GemmMatrix<X>& matrix) {
  if constexpr (std::is_same_v<X, float>) {
    return {matrix, {}};
  } else {
    return {{}, matrix};
  }
}
template <class Y>
EitherResult either(Y* y) {
  if constexpr (std::is_same_v<Y, float>) {
    return {y, nullptr};
  } else {
    return {nullptr, y};
  }
}

/// A product whose types are known when it runs: what multiplies is compiled once for all of them.
struct Slab {
  LeftOperand left;
  EitherMatrix b;
  EitherResult y;
  int64_t y_stride;
  bool transposed;
  const float* addend;
  int64_t addend_stride, rows, columns, inner;
};

/// A product as tiles, numbered down the row tiles of a panel, then from panel to panel, then from one block of row tiles to the next. A
/// thread takes consecutive numbers.
template <class L>
class TiledFloat32Product {
 public:
  [[gnu::always_inline]] inline explicit TiledFloat32Product(const Slab& slab) : p_(slab), stores_panels_(slab.transposed || slab.y.half) {
    row_tiles_ = (p_.rows + kFloat32TileRows - 1) / kFloat32TileRows;
    panels_ = (p_.columns + kWidth - 1) / kWidth;
    const int64_t blocks = (p_.inner + kLongestFloat32Block - 1) / kLongestFloat32Block;
    block_ = (p_.inner + blocks - 1) / blocks;
  }

  [[gnu::always_inline]] inline void compute(int64_t begin, int64_t end) const {
    while (begin < end) {
      const int64_t row_block = begin / (kFloat32BlockTiles * panels_),
                    tiles = std::min(kFloat32BlockTiles, row_tiles_ - row_block * kFloat32BlockTiles);
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
    float* sums = tile_sums.take<float>((count * kFloat32TileRows + kTile) * kWidth);
    for (int64_t k = 0; k < p_.inner; k += block_) {
      const int64_t inner = std::min(block_, p_.inner - k);
      p_.b.half.data ? pack_panel<L>(panel, p_.b.half, k, inner, n, columns) : pack_panel<L>(panel, p_.b.single, k, inner, n, columns);
      for (int64_t tile = 0; tile < count; ++tile)
        compute_tile(first_tile + tile, k, inner, n, panel, sums + tile * kFloat32TileRows * kWidth);
    }
    if (!stores_panels_) return;
    const int64_t row = first_tile * kFloat32TileRows, rows = std::min(count * kFloat32TileRows, p_.rows - row);
    p_.y.half ? store_panel(p_.y.half, sums, row, rows, n, columns) : store_panel(p_.y.single, sums, row, rows, n, columns);
  }

  template <class Y>
  inline void store_panel(Y* y, const float* sums, int64_t row, int64_t rows, int64_t n, int64_t columns) const {
    const float* addend = p_.addend ? p_.addend + offset(row, n, p_.addend_stride) : nullptr;
    store_tiles(
        TileTarget<Y>{sums, kWidth, y + offset(row, n, p_.y_stride), p_.y_stride, addend, p_.addend_stride, rows, columns, p_.transposed});
  }

  [[gnu::always_inline]] inline void compute_tile(int64_t number, int64_t k, int64_t inner, int64_t n, const float* panel,
                                                  float* sums) const {
    const int64_t row = number * kFloat32TileRows, stride = packed_float32_tile_stride(p_.inner);
    const LeftOperand& left = p_.left;
    const Float32Tile tile =
        left.packed
            ? Float32Tile{left.data + number * stride + k * kFloat32TileRows, 1, kFloat32TileRows, panel, inner, stride}
            : Float32Tile{left.data + row * left.row_stride + k, left.row_stride, 1, panel, inner, kFloat32TileRows * left.row_stride};
    Float32Target to{sums,    k == 0,           stores_panels_ || k + inner < p_.inner, nullptr, p_.y_stride,
                     nullptr, p_.addend_stride, std::min(kWidth, p_.columns - n)};
    if (!to.keeps) {
      to.y = p_.y.single + offset(row, n, p_.y_stride);
      if (p_.addend) to.addend = p_.addend + offset(row, n, p_.addend_stride);
    }
    tile_product<L>(std::min(kFloat32TileRows, p_.rows - row), tile, to);
  }

  [[gnu::always_inline]] inline int64_t offset(int64_t row, int64_t column, int64_t stride) const {
    return p_.transposed ? column * stride + row : row * stride + column;
  }

  const Slab& p_;
  const bool stores_panels_;  // and not tiles: sums that are to be rounded or transposed
  int64_t row_tiles_, panels_, block_;
};

struct ComputeTiles {
  template <class L>
  [[gnu::always_inline]] static inline void run(const Slab& slab, int64_t begin, int64_t end) {
    if constexpr (L::kFit >= 8) TiledFloat32Product<L>(slab).compute(begin, end);
  }
};

template <class X>
struct PackTiles {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* to, const GemmMatrix<X>& a, int64_t rows, int64_t inner, int64_t first,
                                                int64_t last) {
    if constexpr (L::kFit >= 8) pack_float32_tiles(to, a, rows, inner, first, last);
  }
};

template <class X>
struct CopyRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* to, int64_t to_stride, const GemmMatrix<X>& a, int64_t inner, int64_t first,
                                                int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const X* from = a.data + row * a.row_stride;
      float* copy = to + row * to_stride;
      int64_t k = 0;
      for (; k + kLanes <= inner; k += kLanes) L::load(from + k).store(copy + k);
      for (; k < inner; ++k) copy[k] = from[k];
    }
  }
};

int64_t panel_width() { return instruction_set() >= InstructionSet::avx512 ? kPanelWidth<LanesOf<16>> : kPanelWidth<LanesOf<8>>; }
int64_t row_tiles_of(int64_t rows) { return (rows + kFloat32TileRows - 1) / kFloat32TileRows; }

}  // namespace

template <class X>
LeftOperand pack_left(ThreadBuffer& buffer, const GemmMatrix<X>& a, int64_t rows, int64_t inner) {
  const int64_t tiles = row_tiles_of(rows);
  float* packed = buffer.take<float>(tiles * packed_float32_tile_stride(inner));
  parallel_for(0, tiles, 16, [&](int64_t begin, int64_t end) {
    dispatch<PackTiles<X>, float*, const GemmMatrix<X>&>(packed, a, rows, inner, begin, end);
  });
  return {packed, 0, true};
}
template LeftOperand pack_left(ThreadBuffer&, const GemmMatrix<float>&, int64_t, int64_t);
template LeftOperand pack_left(ThreadBuffer&, const GemmMatrix<BFloat16>&, int64_t, int64_t);

template <class X>
LeftOperand copy_left(ThreadBuffer& buffer, const GemmMatrix<X>& a, int64_t rows, int64_t inner) {
  constexpr int64_t kRowsPerTask = 32;
  const int64_t stride = (inner / kLanes + 2) * kLanes;
  float* copy = buffer.take<float>(rows * stride);
  parallel_for(0, rows, kRowsPerTask, [&](int64_t begin, int64_t end) {
    dispatch<CopyRows<X>, float*, int64_t, const GemmMatrix<X>&>(copy, stride, a, inner, begin, end);
  });
  return {copy, stride, false};
}
template LeftOperand copy_left(ThreadBuffer&, const GemmMatrix<float>&, int64_t, int64_t);
template LeftOperand copy_left(ThreadBuffer&, const GemmMatrix<BFloat16>&, int64_t, int64_t);

template <class X, class Y>
void multiply_slab(const Gemm<X, Y>& p, const LeftOperand& left) {
  const Slab slab{left, either(p.b), either(p.y), p.y_stride, p.transposed, p.addend, p.addend_stride, p.rows, p.columns, p.inner};
  const int64_t width = panel_width(), tiles = row_tiles_of(p.rows) * ((p.columns + width - 1) / width);
  const int64_t least = std::max<int64_t>(tiles / 64, (1 << 21) / (kFloat32TileRows * width * p.inner) + 1);
  share(0, tiles, least, std::min(kFloat32BlockTiles, row_tiles_of(p.rows)),
        [&](int64_t begin, int64_t end) { dispatch<ComputeTiles, const Slab&>(slab, begin, end); });
}
template void multiply_slab(const Gemm<float, float>&, const LeftOperand&);
template void multiply_slab(const Gemm<BFloat16, float>&, const LeftOperand&);
template void multiply_slab(const Gemm<BFloat16, BFloat16>&, const LeftOperand&);

}  // namespace hyperfit::kernels
