#pragma once
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace hyperfit {

/// Which tokens would complete an n-gram that one growing sequence already holds. Kept as the sequence grows: a look-up
/// costs the number of earlier occurrences, not the length of the history.
/// Source: NoRepeatNGramLogitsProcessor of transformers; n = 1 bans every token already seen.
class NoRepeatNgram {
 public:
  /// `size` 0 bans nothing.
  explicit NoRepeatNgram(int64_t size) : size_(size) {}
  void append(int32_t token);
  /// Banned next tokens, with repeats.
  std::vector<int32_t> banned() const;

 private:
  uint64_t suffix_hash() const;
  int64_t size_;
  std::vector<int32_t> history_;
  std::unordered_map<uint64_t, std::vector<int64_t>> followers_;  // hash of n-1 tokens -> positions just after them
};

}  // namespace hyperfit
