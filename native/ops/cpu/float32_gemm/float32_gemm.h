#pragma once
#include "ops/cpu/products/gemm.h"

namespace hyperfit::kernels {

using Float32Matrix = GemmMatrix<float>;
using Float32Gemm = Gemm<float, float>;

/// Whether this machine, as limited (instruction_set.h), has registers for the tiles: AVX2 or newer.
bool multiplies_float32();

/// y = a b + addend, all sizes from 1 on. Each element is summed in an order that follows from `inner` alone: the same bits for any number
/// of rows and threads, with AVX2 and with AVX-512. Only where multiplies_float32().
void float32_gemm(const Float32Gemm& product);

}  // namespace hyperfit::kernels
