#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// to = from, rounded to the nearest bfloat16.
void round_to_bfloat16(c10::BFloat16* to, const float* from, int64_t count);
/// y = x + addend, float32 but for the addend.
void add_bfloat16(float* y, const float* x, const c10::BFloat16* addend, int64_t count);
/// y = beta y + addend; beta 0 forgets y, NaN included.
void accumulate_bfloat16(float* y, const c10::BFloat16* addend, float beta, int64_t count);

}  // namespace hyperfit::kernels
