#pragma once
#include <vector>

#include "engine/model_config.h"

namespace hyperfit {

/// The angle by which each pair of a head turns from one position to the next, [headDim / 2].
std::vector<float> rotary_frequencies(double theta, const RopeScaling& scaling, int64_t head_dim);

}  // namespace hyperfit
