#pragma once
#include <cstdint>

namespace guard {

/// Gives the guarded device the operators that libtorch has for CUDA alone and the engine's CUDA rows use, so that these rows run here:
/// they compute by the CPU in float32, and refuse what CUDA's kernels refuse, and heads of `refused_size`. A model that is then loaded on
/// this device computes as on a card.
void register_card_operators(int64_t refused_size);
/// From now on it has none of them.
void forget_card_operators();

}  // namespace guard
