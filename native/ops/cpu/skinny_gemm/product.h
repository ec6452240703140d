#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// y [rows, out] = x [rows, in] W^T, W [out, in], or y = x W, W [in, out]; all row-major.
template <class Y, class X>
struct SkinnyGemm {
  Y* y;
  const X* x;
  const X* weight;
  int64_t rows, in, out;
};

/// Columns are best shared in multiples of these.
constexpr int64_t kColumns = 24;
constexpr int64_t kTransposedColumns = 64;

/// Whether pairs of bfloat16 are multiplied in one instruction (AVX512_BF16): the machine can, and no limit forbids it.
bool has_bfloat16_products();

// By those instructions, only where has_bfloat16_products(): as skinny_gemm_columns (skinny_gemm.h), lane_transpose and
// lane_transposed_columns (lane_transposed.h).
template <class Y>
void pair_columns(const SkinnyGemm<Y, c10::BFloat16>& product, int64_t first, int64_t last);
void lane_transpose_pairs(float* lanes, const c10::BFloat16* x, int64_t rows, int64_t in, int64_t first, int64_t last);
template <class Y>
void pair_lane_transposed_columns(const SkinnyGemm<Y, c10::BFloat16>& product, const float* lanes, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
