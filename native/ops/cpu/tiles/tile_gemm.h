#pragma once
#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"

namespace hyperfit::kernels {

/// What is summed over at most, of which sums of one element are made in one go (longer products are cut, bfloat16_gemm.cc).
constexpr int64_t kLongestTileSlab = 2048;

/// By tiles, only where has_tiles(). Each element is summed in an order that follows from `inner` alone.
template <class Y>
void tile_gemm(const Bfloat16Gemm<Y>& product);

}  // namespace hyperfit::kernels
