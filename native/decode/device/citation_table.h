#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "decode/device/growing_rows.h"
#include "engine/citation_index.h"
#include "ops/token_choice.h"

namespace hyperfit {

/// A citation index as a device asks it: contexts sorted by a hash of their own, which no two of them share, and what each forbids. X
/// contexts, Y forbidden ids of all of them, W tokens of the longest context, N tokens of training data. Tensors are parts of `arrays`.
struct CitationTable {
  /// Once an index, rule and device; it lives as long as the index.
  static std::shared_ptr<const CitationTable> of(const CitationIndex& index, const CitationRule& rule, const at::TensorOptions& options);
  bool is_empty() const { return most_banned == 0; }

  CitationArrays arrays;
  int64_t match_length, longest, most_banned;  // units of a context; W; forbidden ids of the context that has most of them
  bool match_words;
  at::Tensor hashes;           // int64 [X], rising
  at::Tensor ends, lengths;    // int32 [X]
  at::Tensor starts;           // int64 [X + 1], of a context's ids in `banned`
  at::Tensor banned;           // int32 [Y]
  at::Tensor corpus;           // int32 [N], canonical
  at::Tensor canonical;        // int32 [vocabulary]
  at::Tensor starts_word;      // bool [vocabulary], a copy
  at::Tensor token_factors;    // int64 [vocabulary], equal for ids with the same canonical one
  at::Tensor place_factors;    // int64 [W], the last for the token just before the end
};

/// The citation blocker's ids for growing rows, exactly those of CitationIndex::banned, for the rows that share their options about it.
class CitationBans {
 public:
  /// Of rows such as `first`.
  CitationBans(const GenerateOptions& first, const GrowingRows& rows);
  /// Whether two rows share these options.
  static bool alike(const GenerateOptions& a, const GenerateOptions& b);
  /// A row's options of each kind that forbids anything at all.
  static std::vector<const GenerateOptions*> kinds_of(const GrowingRows& rows);
  /// bool [B, V], true where an id may not follow; overwritten by the next call.
  at::Tensor find(const GrowingRows& rows);

 private:
  std::shared_ptr<const CitationTable> table_;
  at::Tensor beginnings_;     // int64 [B, 1]
  at::Tensor banned_;         // bool [B, V + 1]; the last column is for ids that are none
  at::Tensor places_, ranks_; // int64 [W], [most_banned]: 0, 1, ...
};

}  // namespace hyperfit
