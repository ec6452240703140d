#include "engine/no_repeat_ngram.h"

#include <algorithm>

#include "engine/token_hash.h"

namespace hyperfit {

uint64_t NoRepeatNgram::suffix_hash() const {
  return hash_tokens(std::span(history_).last(size_ - 1));
}

void NoRepeatNgram::append(int32_t token) {
  const int64_t length = static_cast<int64_t>(history_.size());
  if (size_ > 0 && length >= size_ - 1) followers_[suffix_hash()].push_back(length);
  history_.push_back(token);
}

std::vector<int32_t> NoRepeatNgram::banned() const {
  const int64_t length = static_cast<int64_t>(history_.size()), prefix = size_ - 1;
  if (size_ <= 0 || length < prefix) return {};
  auto found = followers_.find(suffix_hash());
  if (found == followers_.end()) return {};
  std::vector<int32_t> tokens;
  for (int64_t position : found->second) {
    const bool same = std::equal(history_.end() - prefix, history_.end(), history_.begin() + (position - prefix));
    if (same) tokens.push_back(history_[position]);
  }
  return tokens;
}

}  // namespace hyperfit
