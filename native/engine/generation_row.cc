#include "engine/generation_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hyperfit {

GenerationRow::GenerationRow(std::vector<int32_t> prompt, const GenerateOptions& options, uint64_t seed)
    : options_(options),
      history_(std::move(prompt)),
      prompt_length_(history_.size()),
      no_repeat_(options.no_repeat_ngram_size),
      random_(seed) {
  if (options.no_repeat_counts_prompt) {
    for (int32_t id : history_) no_repeat_.append(id);
  }
  if (options.max_new_tokens == 0) end("length");
}

void GenerationRow::ban(std::span<float> scores, std::span<const int32_t> ids) const {
  for (int32_t id : ids) {
    // A head may be smaller than the vocabulary: what it cannot predict needs no ban.
    if (id >= 0 && static_cast<size_t>(id) < scores.size()) scores[id] = -std::numeric_limits<float>::infinity();
  }
}

// Counted as an intervention when the token that would otherwise rank first is forbidden.
void GenerationRow::apply_citation_blocker(std::span<float> scores) {
  if (!options_.citation_index) return;
  const auto history = options_.citation_counts_prompt ? std::span<const int32_t>(history_) : generated();
  const std::vector<int32_t> banned = options_.citation_index->banned(history, options_.citation_rule);
  if (banned.empty()) return;
  if (std::binary_search(banned.begin(), banned.end(), argmax(scores))) ++result_.interventions;
  ban(scores, banned);
}

// The order is Hugging Face's: bias, penalty, n-grams, minimum length, suppressed ids; then the blocker; then sampling.
void GenerationRow::advance(std::span<float> scores) {
  const std::vector<float> raw = options_.token_stats ? std::vector<float>(scores.begin(), scores.end()) : std::vector<float>();
  if (!std::isfinite(scores[std::max(0, argmax(scores))])) {
    throw Error("ERR_NOT_FINITE", "expected finite logits, got NaN or infinity after token " + std::to_string(length()) +
                                      "; the model's weights are damaged: go back to an earlier checkpoint");
  }
  for (const auto& [id, bias] : options_.logit_bias) {
    if (id >= 0 && static_cast<size_t>(id) < scores.size()) scores[id] += bias;
  }
  apply_repetition_penalty(scores, history_, options_.repetition_penalty);
  ban(scores, no_repeat_.banned());
  if (static_cast<int64_t>(generated().size()) < options_.min_new_tokens) ban(scores, options_.stop_ids);
  ban(scores, options_.suppress_ids);
  apply_citation_blocker(scores);
  const int32_t id = choose(scores, options_.sampling, random_);
  if (id < 0) return end("banned");
  if (options_.token_stats) {
    const ChoiceStats stats = choice_stats(raw, id);
    result_.log_probabilities.push_back(last_log_probability_ = stats.log_probability);
    result_.entropies.push_back(stats.entropy);
  }
  append(id);
}

void GenerationRow::append(int32_t id) {
  history_.push_back(id);
  no_repeat_.append(id);
  result_.ids.push_back(id);
  if (std::find(options_.stop_ids.begin(), options_.stop_ids.end(), id) != options_.stop_ids.end()) return end("stop");
  if (static_cast<int64_t>(result_.ids.size()) >= options_.max_new_tokens) end("length");
}

void GenerationRow::end(const char* reason) {
  active_ = false;
  result_.finish_reason = reason;
}

}  // namespace hyperfit
