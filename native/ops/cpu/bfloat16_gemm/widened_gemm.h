#pragma once
#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"

namespace hyperfit::kernels {

/// As products of float32 (float32_gemm/): the right operand is widened where it is packed, the left one a block of rows at a time. Only
/// where multiplies_float32().
template <class Y>
void widened_gemm(const Bfloat16Gemm<Y>& product);

}  // namespace hyperfit::kernels
