#pragma once
#include "ops/cpu/float32_gemm/float32_gemm.h"

namespace hyperfit::kernels {

/// As float32_gemm, by tiles of bfloat16, only where has_tiles(): each number is the sum of three of bfloat16, whose 24 bits are its own,
/// and of the nine products of parts the six that float32 would see are made. Sums are float32; the small products are added up first.
/// Before, each row of a and each column of b is multiplied by a power of two, so that its largest number is of 2^50: no part of what
/// counts beside it is denormal, which tiles take for zero. False where a number is infinite or NaN: nothing was written.
bool split_gemm(const Float32Gemm& product);

/// Whether products of float32 go this way: there are tiles, and nobody has switched it off.
bool splits_float32();
/// For the process; on is the default. Says whether it was on.
bool allow_split_float32(bool on);

}  // namespace hyperfit::kernels
