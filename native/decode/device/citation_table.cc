#include "decode/device/citation_table.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <functional>
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
  for (size_t i = 0; i < contexts.ends.size(); ++i)
    hashes.push_back(hash.of(corpus.subspan(contexts.ends[i] - contexts.lengths[i], contexts.lengths[i])));
  SortedContexts sorted{std::vector<int64_t>(hashes.size()), {}};
  std::iota(sorted.order.begin(), sorted.order.end(), 0);
  std::sort(sorted.order.begin(), sorted.order.end(), [&](int64_t a, int64_t b) { return hashes[a] < hashes[b]; });
  for (int64_t context : sorted.order) sorted.hashes.push_back(hashes[context]);
  return sorted;
}

/// Numbers of one type, brought to a device together.
template <class T>
class Joined {
 public:
  template <class Range>
  void add(const Range& values) {
    sizes_.push_back(static_cast<int64_t>(values.size()));
    all_.insert(all_.end(), values.begin(), values.end());
  }
  at::Tensor on(at::Device device) const { return at::tensor(all_, c10::CppTypeToScalarType<T>::value).to(device); }
  std::vector<at::Tensor> parts_of(const at::Tensor& there) const { return there.split_with_sizes(sizes_); }

 private:
  std::vector<T> all_;
  std::vector<int64_t> sizes_;
};

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
  Joined<int64_t> longs;
  for (const auto& part : {std::cref(sorted.hashes), std::cref(starts), std::cref(token_factors), std::cref(hash.places)})
    longs.add(part.get());
  Joined<int32_t> ints;
  for (const auto& part : {std::cref(ends), std::cref(lengths), std::cref(banned)}) ints.add(part.get());
  ints.add(index.canonical_tokens());
  ints.add(index.options().canonical);
  ints.add(index.options().starts_word);
  const auto count = [](const auto& values) { return static_cast<int64_t>(values.size()); };
  const at::Device device = options.device();
  table->arrays = {longs.on(device), ints.on(device), count(ends), table->longest, count(banned), count(index.canonical_tokens()),
                   index.vocabulary(), table->match_length, table->match_words};
  const std::vector<at::Tensor> wide = longs.parts_of(table->arrays.longs), narrow = ints.parts_of(table->arrays.ints);
  size_t which = 0;
  for (at::Tensor* part : {&table->hashes, &table->starts, &table->token_factors, &table->place_factors}) *part = wide[which++];
  which = 0;
  for (at::Tensor* part : {&table->ends, &table->lengths, &table->banned, &table->corpus, &table->canonical}) *part = narrow[which++];
  table->starts_word = narrow.back().ne(0);
  return table;
}

}  // namespace

std::shared_ptr<const CitationTable> CitationTable::of(const CitationIndex& index, const CitationRule& rule,
                                                       const at::TensorOptions& options) {
  return index.table(options.device().str(), rule, [&] { return make_table(index, rule, options); });
}

}  // namespace hyperfit
