#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/transfers.h"

namespace hyperfit {

/// The score of an id that may not be chosen.
inline constexpr float kBanned = -std::numeric_limits<float>::infinity();

/// One row of scores that knows the best of each block, so that choosing after a few bans costs no pass over the vocabulary.
class ScoreRow {
 public:
  static constexpr int64_t kBlock = 64;
  static int64_t blocks(int64_t vocabulary) { return (vocabulary + kBlock - 1) / kBlock; }

  /// `block_best` [blocks(values.size())] is scratch; `known` says that it holds the best of each block already.
  ScoreRow(std::span<float> values, std::span<float> block_best, bool known);
  /// The highest score; the lowest id on ties. -1 when every score is -inf or NaN.
  int32_t best() const;
  /// Ids outside the vocabulary need no ban: a head may be smaller than its model's vocabulary.
  void ban(std::span<const int32_t> ids);
  std::span<const float> values() const { return values_; }
  /// Changes any of the values, then looks for the best of each block anew.
  template <class Change>
  void change(const Change& change) {
    change(values_);
    find_best();
  }

 private:
  void find_best();
  std::span<float> values_, block_best_;
};

/// Scores of one step on the host, and, where the head's product left it, the best of each block of them.
struct TokenScores {
  /// Waits for logits [B, vocabulary] of any device and brings them to the host.
  static TokenScores read(const at::Tensor& logits) { return {to_host(logits), {}}; }

  at::Tensor logits;      // float32 [B, vocabulary]
  at::Tensor block_best;  // float32 [B, blocks] or undefined

  /// `own_best` is the row's scratch where there is no `block_best`.
  ScoreRow row(int64_t index, std::vector<float>& own_best) const;
};

}  // namespace hyperfit
