#pragma once
#include <algorithm>
#include <cstdint>

namespace hyperfit::kernels {

constexpr int64_t kAttentionRows = 64;  // of queries in one block, where tiles or pairs multiply
constexpr int64_t kAttentionPanel = 64;  // keys come in panels of as many

inline int64_t panels_of(int64_t count) { return (count + kAttentionPanel - 1) / kAttentionPanel; }

/// Rows see the keys from first(row) to themselves: all of them, or a window.
struct AttentionSpan {
  int64_t window;  // 0: none
  int64_t first(int64_t row) const { return window > 0 ? std::max<int64_t>(0, row + 1 - window) : 0; }
  /// Behind the last row that sees a key.
  int64_t end(int64_t key, int64_t rows) const { return window > 0 ? std::min(rows, key + window) : rows; }
};

/// A block of rows [begin, end) and the keys [low, high) that any of them looks at; low and padded_high stand between panels.
struct AttentionBlock {
  int64_t begin, end, low, high, padded_high;
  AttentionSpan span;
  int64_t rows() const { return end - begin; }
  int64_t keys() const { return high - low; }
};

inline AttentionBlock block_at(int64_t begin, int64_t rows, int64_t length, AttentionSpan span) {
  const int64_t end = std::min(begin + rows, length);
  return {begin, end, span.first(begin) / kAttentionPanel * kAttentionPanel, end, panels_of(end) * kAttentionPanel, span};
}

}  // namespace hyperfit::kernels
