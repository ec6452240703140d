#include "engine/generation_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hyperfit {
namespace {

void add_bias(std::span<float> scores, const std::vector<std::pair<int32_t, float>>& biases) {
  for (const auto& [id, bias] : biases) {
    if (id >= 0 && static_cast<size_t>(id) < scores.size()) scores[id] += bias;
  }
}

}  // namespace

GenerationRow::GenerationRow(std::vector<int32_t> prompt, const GenerateOptions& options, uint64_t seed, int64_t number)
    : options_(options),
      history_(std::move(prompt)),
      prompt_length_(history_.size()),
      number_(number),
      no_repeat_(options.no_repeat_ngram_size),
      random_(seed) {
  if (options.no_repeat_counts_prompt) {
    for (int32_t id : history_) no_repeat_.append(id);
  }
  if (options.max_new_tokens == 0) end("length");
}

void GenerationRow::call_logits_hook(ScoreRow& scores) {
  if (!options_.logits_hook) return;
  scores.change([&](std::span<float> all) { options_.logits_hook(number_, all, history_); });
  const auto usable = [](float score) { return score < std::numeric_limits<float>::infinity(); };  // NaN is not
  if (std::all_of(scores.values().begin(), scores.values().end(), usable)) return;
  throw Error("ERR_NOT_FINITE", "expected numbers in the logits that `logitsHook` leaves, got NaN or Infinity after token " +
                                    std::to_string(length()) + "; -Infinity forbids an id");
}

// Counted as an intervention when the token that would otherwise rank first is forbidden.
void GenerationRow::apply_citation_blocker(ScoreRow& scores) {
  if (!options_.citation_index) return;
  const auto history = options_.citation_counts_prompt ? std::span<const int32_t>(history_) : generated();
  const std::vector<int32_t> banned = options_.citation_index->banned(history, options_.citation_rule);
  if (banned.empty()) return;
  if (std::binary_search(banned.begin(), banned.end(), scores.best())) ++result_.interventions;
  scores.ban(banned);
}

// A hook has the first word, so that no ban can be undone by it. Then the order is Hugging Face's: bias, penalty, n-grams, minimum length,
// suppressed ids; then the blocker; then sampling.
void GenerationRow::advance(const TokenScores& step, int64_t index) {
  ScoreRow scores = step.row(index, block_best_);
  const std::span<const float> values = scores.values();
  const std::vector<float> raw = options_.token_stats ? std::vector<float>(values.begin(), values.end()) : std::vector<float>();
  if (!std::isfinite(values[std::max(0, scores.best())])) refuse_scores();
  call_logits_hook(scores);
  if (!options_.logit_bias.empty()) {
    scores.change([&](std::span<float> all) { add_bias(all, options_.logit_bias); });
  }
  if (options_.repetition_penalty != 1) {
    scores.change([&](std::span<float> all) { apply_repetition_penalty(all, history_, options_.repetition_penalty); });
  }
  scores.ban(no_repeat_.banned());
  if (static_cast<int64_t>(generated().size()) < options_.min_new_tokens) scores.ban(options_.stop_ids);
  scores.ban(options_.suppress_ids);
  apply_citation_blocker(scores);
  const bool greedy = options_.sampling.temperature == 0;
  const int32_t id = greedy ? scores.best() : choose(scores.values(), options_.sampling, random_);
  if (id < 0) return end("banned");
  if (!options_.token_stats) return append(id);
  std::vector<int32_t> top_ids;
  std::vector<float> top_log_probabilities;
  if (const int64_t count = options_.top_log_probabilities; count > 0) append_top_choices(raw, count, top_ids, top_log_probabilities);
  accept({id, choice_stats(raw, id), top_ids, top_log_probabilities});
}

void GenerationRow::accept(const ChosenToken& token) {
  if (options_.token_stats) {
    result_.log_probabilities.push_back(last_log_probability_ = token.stats.log_probability);
    result_.entropies.push_back(token.stats.entropy);
    result_.top_ids.insert(result_.top_ids.end(), token.top_ids.begin(), token.top_ids.end());
    result_.top_log_probabilities.insert(result_.top_log_probabilities.end(), token.top_log_probabilities.begin(),
                                         token.top_log_probabilities.end());
  }
  append(token.id);
}

void GenerationRow::refuse_scores() const {
  throw Error("ERR_NOT_FINITE", "expected finite logits, got NaN or infinity after token " + std::to_string(length()) +
                                    "; the model's weights are damaged: go back to an earlier checkpoint");
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

bool any_active(const std::vector<GenerationRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const GenerationRow& row) { return row.active(); });
}

bool end_stopped_rows(std::vector<GenerationRow>& rows, const StopSignals& stop) {
  bool any = false;
  for (size_t index = 0; index < rows.size(); ++index) {
    if (!rows[index].active() || !stop.row_ended(static_cast<int64_t>(index))) continue;
    rows[index].end("cancelled");
    any = true;
  }
  return any;
}

}  // namespace hyperfit
