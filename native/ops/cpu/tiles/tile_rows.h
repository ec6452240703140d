#pragma once
#include "ops/cpu/skinny_gemm/product.h"

namespace hyperfit::kernels {

// A few rows by tiles, y = x W^T as the transpose of W x^T: weights are read once and where they stand, sixteen outputs a tile; x is
// packed, sixteen rows a tile. A row's sums do not depend on the other rows, so one row alone goes by tiles too.

/// Whether tiles read rows of so many inputs where they stand, and there are tiles.
bool takes_tile_rows(int64_t in);
/// Packs steps [first, last) of 32 inputs of x [rows, in], rows in * 2 bytes for each sixteen rows begun.
void pack_tile_rows(void* packed, const c10::BFloat16* x, int64_t rows, int64_t in, int64_t first, int64_t last);
/// Columns [first, last) of y, x packed (product.x is not read), on the calling thread.
template <class Y>
void tile_row_columns(const SkinnyGemm<Y, c10::BFloat16>& product, const void* packed, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
