#pragma once
#include <array>
#include <utility>

#include "ops/arguments.h"

namespace hyperfit {

/// The functions by name, as lib/addon-types.ts has them. Sources: Hendrycks and Gimpel 2016 (GELU and its approximations); Elfwing et al.
/// 2018 (SiLU); Shazeer 2020 (gated).
constexpr std::array<std::pair<const char*, Activation>, 4> kActivationNames{
    {{"silu", Activation::silu}, {"gelu", Activation::gelu}, {"gelu_tanh", Activation::gelu_tanh}, {"quick_gelu", Activation::quick_gelu}}};

}  // namespace hyperfit
