#include "engine/citation_index.h"

#include <algorithm>
#include <string>

#include "engine/error.h"
#include "engine/token_hash.h"

namespace hyperfit {

CitationIndex::CitationIndex(std::vector<int32_t> tokens, std::span<const int32_t> lengths, CitationIndexOptions options)
    : options_(std::move(options)), tokens_(std::move(tokens)) {
  check_ids(tokens_);
  canonical_ = canonical(tokens_);
  members_.resize(vocabulary());
  for (int32_t id = 0; id < vocabulary(); ++id) members_[options_.canonical[id]].push_back(id);
  uint32_t start = 0;
  for (int32_t length : lengths) {
    starts_.push_back(start);
    start += static_cast<uint32_t>(length);
  }
  starts_.push_back(start);
  for (uint32_t sequence = 0; sequence + 1 < starts_.size(); ++sequence) index_sequence(sequence);
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.position < b.position;
  });
}

void CitationIndex::check_ids(std::span<const int32_t> tokens) const {
  for (int32_t token : tokens) {
    if (token >= 0 && token < vocabulary()) continue;
    throw Error("ERR_DATA", "expected ids from 0 to " + std::to_string(vocabulary() - 1) + " for the citation blocker, got " +
                                std::to_string(token) + "; use the data this model was trained on");
  }
}

void CitationIndex::index_sequence(uint32_t sequence) {
  const uint32_t start = starts_[sequence], length = starts_[sequence + 1] - start;
  const std::span<const int32_t> own(tokens_.data() + start, length);
  const std::span<const int32_t> own_canonical(canonical_.data() + start, length);
  for (uint32_t end = 1; end <= length; ++end) {
    // A word is complete only where the next token starts one, or where the sequence ends.
    if (options_.match_words && end < length && !starts_word(own[end])) continue;
    const int64_t context = context_length(own, end);
    if (context > 0) entries_.push_back({hash_tokens(own_canonical.subspan(end - context, context)), start + end, sequence});
  }
}

int64_t CitationIndex::context_length(std::span<const int32_t> tokens, int64_t end) const {
  if (options_.match_words) return word_context_length(tokens, end);
  return end >= options_.match_length ? options_.match_length : 0;
}

int64_t CitationIndex::word_context_length(std::span<const int32_t> tokens, int64_t end) const {
  int64_t words = 0;
  for (int64_t position = end - 1; position >= 0; --position) {
    if (starts_word(tokens[position]) && ++words == options_.match_length) return end - position;
  }
  return 0;
}

std::vector<int32_t> CitationIndex::canonical(std::span<const int32_t> tokens) const {
  std::vector<int32_t> result;
  result.reserve(tokens.size());
  for (int32_t token : tokens) result.push_back(options_.canonical[token]);
  return result;
}

bool CitationIndex::same_context(const Entry& entry, std::span<const int32_t> context) const {
  if (entry.position < starts_[entry.sequence] + context.size()) return false;
  return std::equal(context.begin(), context.end(), canonical_.begin() + (entry.position - context.size()));
}

void CitationIndex::ban_continuation(const Entry& entry, const CitationRule& rule, std::vector<int32_t>& banned) const {
  if (entry.position == starts_[entry.sequence + 1]) {
    if (rule.ban_eos_at_end) banned.insert(banned.end(), options_.eos_token_ids.begin(), options_.eos_token_ids.end());
    return;
  }
  for (int32_t token : members_[canonical_[entry.position]]) {
    if (!rule.wait_for_word_end || starts_word(token)) banned.push_back(token);
  }
}

std::vector<int32_t> CitationIndex::banned_behind(Entries same_hash, std::span<const int32_t> context, const CitationRule& rule) const {
  std::vector<int32_t> banned;
  for (const Entry& entry : same_hash) {
    if (!same_context(entry, context)) continue;
    ban_continuation(entry, rule, banned);
    if (!rule.all_continuations) break;
  }
  std::sort(banned.begin(), banned.end());
  banned.erase(std::unique(banned.begin(), banned.end()), banned.end());
  return banned;
}

std::vector<int32_t> CitationIndex::banned(std::span<const int32_t> history, const CitationRule& rule) const {
  const int64_t length = context_length(history, static_cast<int64_t>(history.size()));
  if (length == 0) return {};
  const std::vector<int32_t> context = canonical(history.last(length));
  const uint64_t hash = hash_tokens(context);
  const auto below = [](const Entry& e, uint64_t h) { return e.hash < h; };
  const auto first = std::lower_bound(entries_.begin(), entries_.end(), hash, below);
  const auto end = std::find_if(first, entries_.end(), [&](const Entry& entry) { return entry.hash != hash; });
  return banned_behind({first, end}, context, rule);
}

std::span<const int32_t> CitationIndex::context_of(const Entry& entry) const {
  const uint32_t start = starts_[entry.sequence], end = entry.position - start;
  const int64_t length = context_length(std::span(tokens_).subspan(start, end), end);
  return std::span(canonical_).subspan(entry.position - length, length);
}

// Entries of one hash have one context, but for a collision.
void CitationIndex::add_contexts(Entries same_hash, const CitationRule& rule, CitationContexts& contexts) const {
  for (auto entry = same_hash.begin(); entry != same_hash.end(); ++entry) {
    const std::span<const int32_t> context = context_of(*entry);
    const bool known = std::any_of(same_hash.begin(), entry, [&](const Entry& earlier) { return same_context(earlier, context); });
    if (known) continue;
    const std::vector<int32_t> banned = banned_behind(same_hash, context, rule);
    if (banned.empty()) continue;
    contexts.ends.push_back(static_cast<int32_t>(entry->position));
    contexts.lengths.push_back(static_cast<int32_t>(context.size()));
    contexts.banned.insert(contexts.banned.end(), banned.begin(), banned.end());
    contexts.starts.push_back(static_cast<int64_t>(contexts.banned.size()));
  }
}

CitationContexts CitationIndex::contexts(const CitationRule& rule) const {
  CitationContexts result;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto end = std::find_if(entry, entries_.end(), [&](const Entry& other) { return other.hash != entry->hash; });
    add_contexts({entry, end}, rule, result);
    entry = end;
  }
  return result;
}

std::shared_ptr<const CitationTable> CitationIndex::table(const std::string& device, const CitationRule& rule,
                                                          const std::function<std::shared_ptr<const CitationTable>()>& make) const {
  for (const Made& made : tables_) {
    if (made.device == device && made.rule == rule) return made.table;
  }
  return tables_.emplace_back(Made{device, rule, make()}).table;
}

}  // namespace hyperfit
