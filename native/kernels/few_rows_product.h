#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// y [rows, out] = x [rows, in] W^T, W [out, in], or y = x W, W [in, out]; all row-major.
template <class Y, class X>
struct FewRowsProduct {
  Y* y;
  const X* x;
  const X* weight;
  int64_t rows, in, out;
};

/// Weight rows, and input rows, of one tile: what is loaded for one serves all of the other.
constexpr int64_t kTileOutputs = 4;
constexpr int64_t kTileRows = 4;

/// Columns are best shared in multiples of these.
constexpr int64_t kColumns = 24;
constexpr int64_t kTransposedColumns = 64;

/// Whether this machine multiplies pairs of bfloat16 in one instruction (AVX512_BF16).
bool has_bfloat16_products();
/// Columns [first, last) by those instructions; only where has_bfloat16_products().
template <class Y>
void bfloat16_columns(const FewRowsProduct<Y, c10::BFloat16>& product, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
