#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// Where sums [rows, columns] go: element (i, j) plus the addend's (null for none) to y[i y_stride + j], or to y[j y_stride + i] when
/// transposed, rounded once where y is bfloat16. `sums` has whole tiles, of which rows and columns count.
template <class Y>
struct TileTarget {
  const float* sums;
  int64_t sums_row;
  Y* y;
  int64_t y_stride;
  const float* addend;
  int64_t addend_stride;
  int64_t rows, columns;
  bool transposed;
};

template <class Y>
void store_tiles(const TileTarget<Y>& target);

}  // namespace hyperfit::kernels
