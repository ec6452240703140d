#include "decode/device/token_chooser.h"

#include <ATen/ops/full.h>
#include <ATen/ops/max.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <cstring>
#include <limits>

#include "decode/device/token_figures.h"
#include "engine/token_scores.h"

namespace hyperfit {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();

at::Tensor bias_of(const std::vector<std::pair<int32_t, float>>& biases, const GrowingRows& rows) {
  at::Tensor bias = at::zeros({rows.vocabulary()}, at::kFloat);
  for (const auto& [id, value] : biases) {
    if (id >= 0 && id < rows.vocabulary()) bias.data_ptr<float>()[id] += value;
  }
  return bias.to(rows.tokens().device());
}

int64_t number_of(NoToken reason) { return static_cast<int64_t>(reason); }

}  // namespace

TokenChooser::TokenChooser(const GenerateOptions& options, const GrowingRows& rows)
    : token_stats_(options.token_stats), bans_(options, rows), upload_(rows.ops()), record_(options, rows) {
  if (!options.logit_bias.empty()) bias_ = bias_of(options.logit_bias, rows);
  if (options.repetition_penalty != 1) penalty_ = at::full({}, options.repetition_penalty, rows.options(at::kFloat));
  if (options.citation_index) citations_.emplace(*options.citation_index, options.citation_rule, options.citation_counts_prompt, rows);
  if (options.sampling.temperature != 0) draw_.emplace(options.sampling, rows);
}

RowMemory TokenChooser::memory_for(const GenerateOptions& options) {
  return {.history = TokenBans::reads_history(options) || options.citation_index, .seen = options.repetition_penalty != 1};
}

// The numbers cross as the bits of integers, which is what an upload takes; always as many, so that they stand where they stood.
void TokenChooser::begin(const std::vector<double>& uniform) {
  record_.begin();
  if (!draw_) return;
  at::Tensor bits = at::zeros({ChoiceRecord::kSteps, record_.rows()}, at::kLong);
  std::memcpy(bits.data_ptr<int64_t>(), uniform.data(), uniform.size() * sizeof(double));
  uniform_ = upload_({bits}, record_.step().device()).front().view(at::kDouble);
}

TokenChooser::Best TokenChooser::best_of(const at::Tensor& logits) {
  const auto [scores, ids] = at::max(logits, /*dim=*/1);
  return {scores, ids};
}

void TokenChooser::choose(at::Tensor logits, GrowingRows& rows) {
  Best best = best_of(logits);
  const at::Tensor finite = best.scores.abs().lt(kInfinite);  // NaN is not
  std::optional<TokenFigures> figures;
  if (token_stats_) figures.emplace(logits, best.scores);
  if (changes_scores()) {
    change_scores(logits, rows);
    best = best_of(logits);
  }
  if (citations_ && citations_->any()) {
    block_citations(logits, rows, best);
    best = best_of(logits);
  }
  const at::Tensor ids = draw_ ? drawn(logits, best) : best.ids;
  const at::Tensor reason = at::where(finite, number_of(NoToken::all_banned), number_of(NoToken::not_finite));
  const at::Tensor otherwise = at::where(rows.active(), reason, number_of(NoToken::stands));
  const at::Tensor grown = rows.append(ids, finite.logical_and(best.scores.gt(kBanned)));
  record_.put_ids(at::where(grown, ids, otherwise));
  if (figures) record_.put_figures(figures->log_probabilities(ids), figures->entropies());
  record_.end_step();
}

// In Hugging Face's order.
void TokenChooser::change_scores(at::Tensor& logits, const GrowingRows& rows) {
  if (bias_.defined()) logits.add_(bias_);
  if (penalty_.defined()) penalise(logits, rows.seen());
  bans_.apply(logits, rows);
}

void TokenChooser::penalise(at::Tensor& logits, const at::Tensor& seen) const {
  const at::Tensor penalised = at::where(logits.lt(0), logits.mul(penalty_), logits.div(penalty_));
  logits.copy_(at::where(seen, penalised, logits));
}

// Counted as an intervention when the token that would otherwise rank first is forbidden.
void TokenChooser::block_citations(at::Tensor& logits, const GrowingRows& rows, const Best& best) {
  const at::Tensor forbidden = citations_->find(rows);
  const at::Tensor first = forbidden.gather(1, best.ids.unsqueeze(1)).squeeze(1);
  record_.count_interventions(first.logical_and(best.scores.gt(kBanned)).logical_and_(rows.active()));
  logits.masked_fill_(forbidden, kBanned);
}

at::Tensor TokenChooser::drawn(const at::Tensor& logits, const Best& best) const {
  return draw_->choose(logits, best.scores, uniform_.index_select(0, record_.step()).squeeze(0));
}

}  // namespace hyperfit
