#include "decode/device/citation_table.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace hyperfit {
namespace {

/// Sums of products of random factors: a sum that wraps is the same on every device.
struct ContextHash {
  ContextHash(uint64_t seed, int64_t vocabulary, int64_t longest) {
    std::mt19937_64 random(seed);
    for (auto* factors : {&tokens, &places}) {
      factors->resize(factors == &tokens ? vocabulary : longest);
      for (int64_t& factor : *factors) factor = static_cast<int64_t>(random());
    }
  }
  int64_t of(std::span<const int32_t> context) const {
    uint64_t sum = 0;
    const size_t first = places.size() - context.size();
    for (size_t i = 0; i < context.size(); ++i) sum += static_cast<uint64_t>(tokens[context[i]]) * static_cast<uint64_t>(places[first + i]);
    return static_cast<int64_t>(sum);
  }

  std::vector<int64_t> tokens, places;
};

struct SortedContexts {
  std::vector<int64_t> order, hashes;  // of the contexts, by rising hash
};

SortedContexts sorted_by(const ContextHash& hash, const CitationContexts& contexts, std::span<const int32_t> corpus) {
  std::vector<int64_t> hashes;
  for (size_t i = 0; i < contexts.ends.size(); ++i) hashes.push_back(hash.of(corpus.subspan(contexts.ends[i] - contexts.lengths[i], contexts.lengths[i])));
  SortedContexts sorted{std::vector<int64_t>(hashes.size()), {}};
  std::iota(sorted.order.begin(), sorted.order.end(), 0);
  std::sort(sorted.order.begin(), sorted.order.end(), [&](int64_t a, int64_t b) { return hashes[a] < hashes[b]; });
  for (int64_t context : sorted.order) sorted.hashes.push_back(hashes[context]);
  return sorted;
}

at::Tensor there(const std::vector<int64_t>& values, const at::TensorOptions& options) { return at::tensor(values, at::kLong).to(options.device()); }

at::Tensor there(std::span<const int32_t> values, const at::TensorOptions& options) {
  at::Tensor host = at::empty({static_cast<int64_t>(values.size())}, at::kInt);
  std::copy(values.begin(), values.end(), host.data_ptr<int32_t>());
  return host.to(options.device());
}

// Contexts that share a hash get other factors, which hardly ever happens: a million contexts do so once in some forty million times.
std::pair<ContextHash, SortedContexts> without_collisions(const CitationContexts& contexts, const CitationIndex& index, int64_t longest) {
  for (uint64_t seed = 1;; ++seed) {
    ContextHash hash(seed, index.vocabulary(), longest);
    SortedContexts sorted = sorted_by(hash, contexts, index.canonical_tokens());
    if (std::adjacent_find(sorted.hashes.begin(), sorted.hashes.end()) == sorted.hashes.end()) return {std::move(hash), std::move(sorted)};
  }
}

std::shared_ptr<const CitationTable> make_table(const CitationIndex& index, const CitationRule& rule, const at::TensorOptions& options) {
  const CitationContexts contexts = index.contexts(rule);
  auto table = std::make_shared<CitationTable>();
  table->match_length = index.options().match_length;
  table->match_words = index.options().match_words;
  table->most_banned = 0;
  if (contexts.ends.empty()) return table;
  table->longest = *std::max_element(contexts.lengths.begin(), contexts.lengths.end());
  const auto [hash, sorted] = without_collisions(contexts, index, table->longest);
  std::vector<int32_t> ends, lengths, banned;
  std::vector<int64_t> starts{0};
  for (int64_t context : sorted.order) {
    ends.push_back(contexts.ends[context]);
    lengths.push_back(contexts.lengths[context]);
    banned.insert(banned.end(), contexts.banned.begin() + contexts.starts[context], contexts.banned.begin() + contexts.starts[context + 1]);
    starts.push_back(static_cast<int64_t>(banned.size()));
    table->most_banned = std::max<int64_t>(table->most_banned, contexts.starts[context + 1] - contexts.starts[context]);
  }
  std::vector<int64_t> token_factors;
  for (int32_t id : index.options().canonical) token_factors.push_back(hash.tokens[id]);
  table->hashes = there(sorted.hashes, options);
  table->ends = there(ends, options);
  table->lengths = there(lengths, options);
  table->starts = there(starts, options);
  table->banned = there(banned, options);
  table->corpus = there(index.canonical_tokens(), options);
  table->canonical = there(index.options().canonical, options);
  const std::vector<uint8_t>& marks = index.options().starts_word;
  table->starts_word = there(std::vector<int32_t>(marks.begin(), marks.end()), options).ne(0);
  table->token_factors = there(token_factors, options);
  table->place_factors = there(hash.places, options);
  return table;
}

}  // namespace

std::shared_ptr<const CitationTable> CitationTable::of(const CitationIndex& index, const CitationRule& rule, const at::TensorOptions& options) {
  return index.table(options.device().str(), rule, [&] { return make_table(index, rule, options); });
}

}  // namespace hyperfit
