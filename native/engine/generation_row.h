#pragma once
#include <span>
#include <vector>

#include "engine/generation.h"
#include "engine/token_scores.h"

namespace hyperfit {

/// A token that was chosen, and what was asked of its step.
struct ChosenToken {
  int32_t id;
  ChoiceStats stats{};                              // with token_stats
  std::span<const int32_t> top_ids{};               // with top_log_probabilities
  std::span<const float> top_log_probabilities{};
};

/// One sequence while it grows: its history, its bans, its draws.
class GenerationRow {
 public:
  /// `number`: what the hook on logits is told.
  GenerationRow(std::vector<int32_t> prompt, const GenerateOptions& options, uint64_t seed, int64_t number = 0);

  /// Chooses the next token from row `index` of `scores`, which is changed, and appends it. Ends the row at a stop id,
  /// at the length limit, or when every token is banned.
  void advance(const TokenScores& scores, int64_t index);
  /// Appends a token that a device has chosen in the place of `advance`.
  void accept(const ChosenToken& token);
  /// Throws ERR_NOT_FINITE for the scores of the next token.
  [[noreturn]] void refuse_scores() const;
  /// What the next draw goes by.
  double draw() { return random_.uniform(); }
  void add_interventions(int64_t more) { result_.interventions += more; }
  /// Whether rows may be advanced side by side: a hook on logits is called for one after another.
  bool shares_rows_out() const { return !options_.logits_hook; }
  bool active() const { return active_; }
  void end(const char* reason);
  const GenerateOptions& options() const { return options_; }
  std::span<const int32_t> ids() const { return history_; }
  int64_t prompt_length() const { return static_cast<int64_t>(prompt_length_); }
  int32_t last_token() const { return history_.back(); }
  int64_t length() const { return static_cast<int64_t>(history_.size()); }
  float last_log_probability() const { return last_log_probability_; }
  Generation& result() { return result_; }
  const Generation& result() const { return result_; }

 private:
  void call_logits_hook(ScoreRow& scores);
  void apply_citation_blocker(ScoreRow& scores);
  void append(int32_t id);
  std::span<const int32_t> generated() const { return std::span(history_).subspan(prompt_length_); }

  const GenerateOptions& options_;
  std::vector<int32_t> history_;
  size_t prompt_length_;
  int64_t number_;
  NoRepeatNgram no_repeat_;
  std::vector<float> block_best_;  // scratch where the scores come without
  Random random_;
  Generation result_;
  float last_log_probability_ = 0;
  bool active_ = true;
};

bool any_active(const std::vector<GenerationRow>& rows);
/// Ends the rows that another thread has flagged; whether there were any.
bool end_stopped_rows(std::vector<GenerationRow>& rows, const StopSignals& stop);

}  // namespace hyperfit
