#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hyperfit {

struct CitationTable;

/// Which tokens followed a context in the training set.
struct CitationRule {
  bool wait_for_word_end = true;  // ban only what would start a new word
  bool all_continuations = true;  // or only that of the first occurrence
  bool ban_eos_at_end = false;    // a match that ends with its training sequence bans end-of-text
  bool operator==(const CitationRule&) const = default;
};

struct CitationIndexOptions {
  int64_t match_length = 5;           // tokens or words of context
  bool match_words = false;           // the unit: words instead of token ids
  std::vector<uint8_t> starts_word;   // [vocabulary], 1 where a token starts a word or is punctuation
  std::vector<int32_t> canonical;     // [vocabulary], the id that stands for a token in comparisons
  std::vector<int32_t> eos_token_ids;
};

/// Every context of the training set once, with what a rule forbids behind it.
struct CitationContexts {
  std::vector<int32_t> ends, lengths;  // in tokens: a context stands just before its end
  std::vector<int64_t> starts{0};      // of its ids in `banned`, and the end of the last
  std::vector<int32_t> banned;         // each context's sorted, without repeats
};

/// The paper's citation blocker (section 4 of the paper): when the last k tokens stand in the training set, what
/// followed them there is forbidden once the current word is complete. The index is a sorted array of context hashes:
/// 16 bytes a training token, a look-up is a binary search plus an exact comparison.
class CitationIndex {
 public:
  CitationIndex(std::vector<int32_t> tokens, std::span<const int32_t> lengths, CitationIndexOptions options);
  /// Banned next tokens after `history`, sorted, without repeats.
  std::vector<int32_t> banned(std::span<const int32_t> history, const CitationRule& rule) const;

  /// Throws ERR_DATA for an id outside the vocabulary.
  void check_ids(std::span<const int32_t> tokens) const;
  int32_t vocabulary() const { return static_cast<int32_t>(options_.canonical.size()); }
  const CitationIndexOptions& options() const { return options_; }
  /// Every sequence after the other, as ids that stand for their tokens in comparisons.
  std::span<const int32_t> canonical_tokens() const { return canonical_; }
  /// Contexts behind which nothing is forbidden are left out.
  CitationContexts contexts(const CitationRule& rule) const;
  /// What `make` gave for a device by its name and a rule, once for each of them.
  std::shared_ptr<const CitationTable> table(const std::string& device, const CitationRule& rule,
                                             const std::function<std::shared_ptr<const CitationTable>()>& make) const;

 private:
  struct Entry {
    uint64_t hash;
    uint32_t position;  // of the continuation in tokens_; the context ends just before it
    uint32_t sequence;
  };
  void index_sequence(uint32_t sequence);
  /// Length in tokens of the last k units before `end`, or 0 when there are fewer, or when no unit ends there.
  int64_t context_length(std::span<const int32_t> tokens, int64_t end) const;
  int64_t word_context_length(std::span<const int32_t> tokens, int64_t end) const;
  std::vector<int32_t> canonical(std::span<const int32_t> tokens) const;
  bool same_context(const Entry& entry, std::span<const int32_t> context) const;
  void ban_continuation(const Entry& entry, const CitationRule& rule, std::vector<int32_t>& banned) const;
  using Entries = std::span<const Entry>;
  /// Of the first's context, which is that of all that have `context`, in the order of the training set.
  std::vector<int32_t> banned_behind(Entries same_hash, std::span<const int32_t> context, const CitationRule& rule) const;
  std::span<const int32_t> context_of(const Entry& entry) const;
  void add_contexts(Entries same_hash, const CitationRule& rule, CitationContexts& contexts) const;
  bool starts_word(int32_t token) const { return options_.starts_word[token] != 0; }

  CitationIndexOptions options_;
  std::vector<int32_t> tokens_;      // every sequence after the other
  std::vector<int32_t> canonical_;   // the same, canonical
  std::vector<uint32_t> starts_;     // where each sequence starts, and the end
  std::vector<Entry> entries_;       // sorted by hash, then position
  std::vector<std::vector<int32_t>> members_;  // [vocabulary], ids that share a canonical id (only under folding)

  struct Made {
    std::string device;
    CitationRule rule;
    std::shared_ptr<const CitationTable> table;
  };
  mutable std::vector<Made> tables_;  // asked for on the compute thread alone
};

}  // namespace hyperfit
