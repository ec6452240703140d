#include "ops/cpu/tiles/split_gemm.h"

#include <atomic>

#include "ops/cpu/parallel.h"
#include "ops/cpu/tiles/split_packing.h"
#include "ops/cpu/tiles/tile_product.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kLongestSlab = 1024;  // summed in one go: three parts of 128 rows fill half of the second cache

std::atomic<bool> allowed{true};

thread_local ThreadBuffer row_scales, column_scales;

SplitSource rows_of(const Float32Gemm& p) { return {p.a.data, p.a.row_stride, p.a.column_stride, p.rows, p.inner}; }
SplitSource columns_of(const Float32Gemm& p) { return {p.b.data, p.b.column_stride, p.b.row_stride, p.columns, p.inner}; }

float* scales_of(ThreadBuffer& buffer, const SplitSource& source, std::atomic<bool>& finite) {
  float* scales = buffer.take<float>(source.tiles() * kTile);
  parallel_for(0, source.groups(), 8, [&](int64_t begin, int64_t end) {
    if (!find_scales(scales, source, begin, end)) finite = false;
  });
  return scales;
}

class SplitOperands {
 public:
  static constexpr int64_t kParts = kSplitParts;
  /// From the smallest products to the largest; those left out are below 2^-25 of the result's own.
  static constexpr PartPair kPairs[] = {{2, 0}, {0, 2}, {1, 1}, {1, 0}, {0, 1}, {0, 0}};

  SplitOperands(const SplitSource& rows, const SplitSource& columns, const float* row_scale, const float* column_scale)
      : rows_(rows),
        columns_(columns),
        row_scale_(row_scale),
        column_scale_(column_scale),
        packed_(packed_left.take<char>(kParts * rows.part_bytes())) {
    parallel_for(0, count(), 1, [this](int64_t begin, int64_t end) { pack_left_parts(packed_, rows_, row_scale_, begin, end); });
  }
  int64_t count() const { return rows_.groups(); }
  int64_t first_row(int64_t group) const { return group * kGroup; }
  bool stands_in_place(int64_t) const { return false; }
  TileGroup left(int64_t group, int64_t part) const {
    return packed_group(packed_ + part * rows_.part_bytes(), group, rows_.tiles(), rows_.steps());
  }
  void pack_right(char* packed, int64_t column, int64_t count, int64_t first, int64_t last) const {
    SplitSource part = columns_;
    part.data += column * part.x_stride;
    part.count = count;
    pack_right_parts(packed, part, column_scale_ + column, first, last);
  }
  // The scales are taken back, rounding once: their product is exact in double.
  void finish(float* sums, int64_t row, int64_t column) const {
    const int64_t rows = std::min(kGroup, rows_.count - row), columns = std::min(kGroup, columns_.count - column);
    double factors[kGroup];
    for (int64_t j = 0; j < columns; ++j) factors[j] = 1 / static_cast<double>(column_scale_[column + j]);
    for (int64_t i = 0; i < rows; ++i) {
      const double factor = 1 / static_cast<double>(row_scale_[row + i]);
      for (int64_t j = 0; j < columns; ++j) sums[i * kGroup + j] = static_cast<float>(sums[i * kGroup + j] * (factor * factors[j]));
    }
  }

 private:
  SplitSource rows_, columns_;
  const float *row_scale_, *column_scale_;
  char* packed_;
};

}  // namespace

bool splits_float32() { return has_tiles() && allowed.load(std::memory_order_relaxed); }
bool allow_split_float32(bool on) { return allowed.exchange(on); }

bool split_gemm(const Float32Gemm& p) {
  std::atomic<bool> finite{true};
  const float *row_scale = scales_of(row_scales, rows_of(p), finite), *column_scale = scales_of(column_scales, columns_of(p), finite);
  if (!finite) return false;
  const float* addend = p.addend;
  int64_t addend_stride = p.addend_stride;
  for (int64_t k = 0; k < p.inner; k += kLongestSlab) {
    Float32Gemm slab = p;
    slab.a.data += k * p.a.column_stride;
    slab.b.data += k * p.b.row_stride;
    slab.inner = std::min(kLongestSlab, p.inner - k);
    const SplitOperands operands(rows_of(slab), columns_of(slab), row_scale, column_scale);
    multiply_by_tiles(TileResult<float>{p.y, p.y_stride, p.transposed, addend, addend_stride, p.rows, p.columns, slab.inner}, operands);
    addend = p.y;
    addend_stride = p.y_stride;
  }
  return true;
}

}  // namespace hyperfit::kernels
