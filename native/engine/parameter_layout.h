#pragma once
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "ops/arguments.h"

namespace hyperfit {

inline constexpr int64_t kAlignment = kMomentBlock;  // a block of moments belongs to one parameter; also whole cache lines

inline int64_t product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

/// Elements that a parameter takes in a flat buffer.
inline int64_t padded(const std::vector<int64_t>& shape) { return (product(shape) + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace hyperfit
