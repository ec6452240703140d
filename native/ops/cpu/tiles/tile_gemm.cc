#include "ops/cpu/tiles/tile_gemm.h"

#include "ops/cpu/parallel.h"
#include "ops/cpu/tiles/tile_product.h"

namespace hyperfit::kernels {
namespace {

/// The rows of a, in groups of two tiles: where they stand if their tiles can be read there, but for a last tile that is not whole.
class Bfloat16Operands {
 public:
  static constexpr int64_t kParts = 1;
  static constexpr PartPair kPairs[] = {{0, 0}};

  Bfloat16Operands(const Bfloat16Matrix& a, const Bfloat16Matrix& b, int64_t rows, int64_t inner)
      : source_{a.data, a.row_stride, a.column_stride, rows, inner},
        b_(b),
        steps_(source_.steps()),
        in_place_(a.column_stride == 1 && inner % kTileSummed == 0) {
    whole_ = in_place_ ? rows / kTile : 0;
    whole_groups_ = (whole_ + kGroupTiles - 1) / kGroupTiles;
    rest_ = source_;
    rest_.data += whole_ * kTile * rest_.x_stride;
    rest_.count -= whole_ * kTile;
    packed_ = packed_left.take<char>(rest_.bytes());
    parallel_for(0, rest_.groups(), 1, [this](int64_t begin, int64_t end) { pack_left_groups(packed_, rest_, begin, end); });
  }
  int64_t count() const { return whole_groups_ + rest_.groups(); }
  int64_t first_row(int64_t group) const {
    return group < whole_groups_ ? group * kGroup : whole_ * kTile + (group - whole_groups_) * kGroup;
  }
  bool stands_in_place(int64_t group) const { return group < whole_groups_; }
  void pack_right(char* packed, int64_t column, int64_t count, int64_t first, int64_t last) const {
    pack_right_groups(packed, {b_.data + column * b_.column_stride, b_.column_stride, b_.row_stride, count, source_.summed}, first, last);
  }
  void finish(float*, int64_t, int64_t) const {}
  TileGroup left(int64_t group, int64_t) const {
    if (!stands_in_place(group)) return packed_group(packed_, group - whole_groups_, rest_.tiles(), steps_);
    const int64_t row = source_.x_stride * static_cast<int64_t>(sizeof(c10::BFloat16));
    return {reinterpret_cast<const char*>(source_.data) + first_row(group) * row, row, kTile * row, kTileRowBytes,
            std::min(kGroupTiles, whole_ - group * kGroupTiles)};
  }

 private:
  TileSource source_, rest_;
  Bfloat16Matrix b_;
  int64_t steps_, whole_ = 0, whole_groups_ = 0;
  bool in_place_;
  char* packed_;
};

}  // namespace

template <class Y>
void tile_gemm(const Bfloat16Gemm<Y>& p) {
  const Bfloat16Operands operands(p.a, p.b, p.rows, p.inner);
  multiply_by_tiles(TileResult<Y>{p.y, p.y_stride, p.transposed, p.addend, p.addend_stride, p.rows, p.columns, p.inner}, operands);
}
template void tile_gemm(const Bfloat16Gemm<float>&);
template void tile_gemm(const Bfloat16Gemm<c10::BFloat16>&);

}  // namespace hyperfit::kernels
