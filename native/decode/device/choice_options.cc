#include "decode/device/choice_options.h"

#include <tuple>

namespace hyperfit {
namespace {

auto compared(const GenerateOptions& o) {
  return std::tie(o.min_new_tokens, o.sampling, o.logit_bias, o.repetition_penalty, o.no_repeat_ngram_size, o.no_repeat_counts_prompt,
                  o.stop_ids, o.suppress_ids, o.token_stats, o.top_log_probabilities, o.citation_rule, o.citation_counts_prompt);
}

}  // namespace

ChoiceOptions::ChoiceOptions(const GenerateOptions& options)
    : own_(options), index_(options.citation_index), has_index_(options.citation_index != nullptr) {
  own_.citation_index.reset();
  own_.logits_hook = nullptr;
}

bool ChoiceOptions::are(const GenerateOptions& options) const {
  return has_index_ == (options.citation_index != nullptr) && index_.lock() == options.citation_index &&
         compared(own_) == compared(options);
}

}  // namespace hyperfit
