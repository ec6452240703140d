#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

/// gradients [n] = their sum over all processes that train together. One process trains alone, and its sum stands there already. This is
/// the one place between backward and update where processes would meet.
inline void sum(const at::Tensor&) {}

}  // namespace hyperfit
