#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

// What a decoding step does between its products, on one row or a part of it, on the calling thread. Products leave float32; Y, the
// type that enters the next product, is float32 or bfloat16.

/// to = from [count].
template <class Y>
void round_row(Y* to, const float* from, int64_t count);

/// y += x [count].
void add_row(float* y, const float* x, int64_t count);

/// y = f(gate) up [count]; without `up` (null) y = f(gate). As kernels/activation.h has for the other functions; of whole tensors
/// libtorch's GELU is faster.
template <class Y>
void gelu_row(Y* y, const float* gate, const float* up, int64_t count);

/// x = cap tanh(x / cap) [count].
void softcap_row(float* x, float cap, int64_t count);

/// best[i] = the largest of scores [i block, (i + 1) block), the last block being what is left of `count`; NaN passes unseen.
void best_of_blocks(float* best, const float* scores, int64_t count, int64_t block);

}  // namespace hyperfit::kernels
