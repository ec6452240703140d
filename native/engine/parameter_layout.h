#pragma once
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

namespace hyperfit {

inline constexpr int64_t kAlignment = 16;  // float32 elements in 64 bytes

inline int64_t product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

/// Elements that a parameter takes in a flat buffer.
inline int64_t padded(const std::vector<int64_t>& shape) { return (product(shape) + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace hyperfit
