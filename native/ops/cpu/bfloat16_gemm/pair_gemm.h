#pragma once
#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"

namespace hyperfit::kernels {

/// By the instruction that multiplies and adds pairs (AVX512_BF16), only where has_bfloat16_products().
template <class Y>
void pair_gemm(const Bfloat16Gemm<Y>& product);

}  // namespace hyperfit::kernels
