#pragma once
#include <algorithm>

#include "ops/cpu/attention/causal_attention.h"

namespace hyperfit::kernels {

constexpr int64_t kAttentionRows = 64;  // of queries in one block
constexpr int64_t kAttentionPanel = 64;  // keys come in panels of as many

inline int64_t panels_of(int64_t count) { return (count + kAttentionPanel - 1) / kAttentionPanel; }

/// A block of rows [begin, end) and the keys [low, high) that any of them looks at; low and padded_high stand between panels.
struct AttentionBlock {
  int64_t begin, end, low, high, padded_high;
  int64_t rows() const { return end - begin; }
  int64_t keys() const { return high - low; }
};

inline AttentionBlock block_at(const CausalAttention& c, int64_t begin) {
  const int64_t end = std::min(begin + kAttentionRows, c.length);
  const int64_t low = c.window > 0 ? std::max<int64_t>(0, begin + 1 - c.window) / kAttentionPanel * kAttentionPanel : 0;
  return {begin, end, low, end, panels_of(end) * kAttentionPanel};
}

}  // namespace hyperfit::kernels
