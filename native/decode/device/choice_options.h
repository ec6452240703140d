#pragma once
#include <memory>

#include "engine/generation.h"

namespace hyperfit {

/// What of a row's options a device chooses tokens by, kept without keeping what they refer to.
class ChoiceOptions {
 public:
  explicit ChoiceOptions(const GenerateOptions& options);
  /// Whether tokens are chosen by the same options.
  bool are(const GenerateOptions& options) const;

 private:
  GenerateOptions own_;
  std::weak_ptr<const CitationIndex> index_;
  bool has_index_;
};

}  // namespace hyperfit
