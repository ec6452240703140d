#pragma once
#include <c10/util/BFloat16.h>

#include "ops/cpu/products/gemm.h"

namespace hyperfit::kernels {

using Bfloat16Matrix = GemmMatrix<c10::BFloat16>;
template <class Y>
using Bfloat16Gemm = Gemm<c10::BFloat16, Y>;

/// Whether this machine, as limited (instruction_set.h), multiplies bfloat16 by kernels of ours: tiles of it (AMX) or pairs (AVX512_BF16)
/// in one instruction, or numbers that are widened to float32 (AVX2, AVX-512); or tiles are emulated (tiles/tiles.h).
bool multiplies_bfloat16();

/// Each element is summed in an order that follows from `inner` and the instructions alone: the same bits for any number of threads;
/// widened the same bits with AVX2 and with AVX-512, and for any number of rows. Only where multiplies_bfloat16().
template <class Y>
void bfloat16_gemm(const Bfloat16Gemm<Y>& product);

}  // namespace hyperfit::kernels
