#pragma once
#include "ops/cpu/skinny_gemm/product.h"

namespace hyperfit::kernels {

/// Up to this many rows a product is bound by reading the weights, and this kernel reads them once at the speed of
/// memory; general matrix products are made for more.
constexpr int64_t kMostSkinnyRows = 64;

/// y [rows, out] = x [rows, in] W^T, W [out, in] row-major; of bfloat16 y may be float32. Sums are float32. A row's result
/// does not depend on the other rows: a sequence decodes to the same bits alone and in a batch of up to kMostSkinnyRows.
template <class Y, class X>
void skinny_gemm(const SkinnyGemm<Y, X>& product);

/// The same with W [in, out] row-major, as GPT-2 stores it.
template <class Y, class X>
void skinny_gemm_conv1d(const SkinnyGemm<Y, X>& product);

/// Columns [first, last) of either, on the calling thread. Any split of the columns gives the same bits.
template <class Y, class X>
void skinny_gemm_columns(const SkinnyGemm<Y, X>& product, int64_t first, int64_t last);
template <class Y, class X>
void skinny_gemm_conv1d_columns(const SkinnyGemm<Y, X>& product, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
