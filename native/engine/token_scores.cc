#include "engine/token_scores.h"

#include <algorithm>

#include "ops/cpu/rows/row_functions.h"

namespace hyperfit {

ScoreRow::ScoreRow(std::span<float> values, std::span<float> block_best, bool known) : values_(values), block_best_(block_best) {
  if (!known) find_best();
}

ScoreRow TokenScores::row(int64_t index, std::vector<float>& own_best) const {
  const int64_t vocabulary = logits.size(1), blocks = ScoreRow::blocks(vocabulary);
  const std::span<float> values(logits.data_ptr<float>() + index * vocabulary, vocabulary);
  if (block_best.defined()) return {values, {block_best.data_ptr<float>() + index * blocks, static_cast<size_t>(blocks)}, /*known=*/true};
  own_best.resize(blocks);
  return {values, own_best, /*known=*/false};
}

void ScoreRow::find_best() {
  kernels::best_of_blocks(block_best_.data(), values_.data(), static_cast<int64_t>(values_.size()), kBlock);
}

int32_t ScoreRow::best() const {
  const auto block = std::max_element(block_best_.begin(), block_best_.end());
  if (block == block_best_.end() || *block == kBanned) return -1;
  const auto start = values_.begin() + (block - block_best_.begin()) * kBlock;
  return static_cast<int32_t>(std::find(start, values_.end(), *block) - values_.begin());
}

void ScoreRow::ban(std::span<const int32_t> ids) {
  for (int32_t id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= values_.size()) continue;
    const float score = values_[id];
    values_[id] = kBanned;
    const int64_t block = id / kBlock, start = block * kBlock;
    if (score < block_best_[block]) continue;
    const int64_t count = std::min<int64_t>(kBlock, static_cast<int64_t>(values_.size()) - start);
    kernels::best_of_blocks(&block_best_[block], &values_[start], count, kBlock);
  }
}

}  // namespace hyperfit
