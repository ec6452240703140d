#include "decode/device/token_chooser.h"

#include <ATen/ops/max.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "decode/device/token_figures.h"
#include "engine/token_scores.h"

namespace hyperfit {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();

bool draws(const GenerateOptions& options) { return options.sampling.temperature != 0; }

at::Tensor bias_of(const GrowingRows& rows) {
  if (!rows.any([](const GenerateOptions& options) { return !options.logit_bias.empty(); })) return {};
  const bool alike = !rows.any([&](const GenerateOptions& options) { return options.logit_bias != rows.options_of(0).logit_bias; });
  at::Tensor bias = at::zeros({alike ? 1 : rows.count(), rows.vocabulary()}, at::kFloat);
  for (int64_t row = 0; row < bias.size(0); ++row) {
    for (const auto& [id, value] : rows.options_of(row).logit_bias) {
      if (id >= 0 && id < rows.vocabulary()) bias.data_ptr<float>()[row * rows.vocabulary() + id] += value;
    }
  }
  return bias.to(rows.tokens().device());
}

std::vector<CitationBans> citations_of(const GrowingRows& rows) {
  std::vector<CitationBans> result;
  for (int64_t row = 0; row < rows.count(); ++row) {
    const GenerateOptions& options = rows.options_of(row);
    bool known = !options.citation_index;
    for (int64_t earlier = 0; earlier < row; ++earlier) known = known || CitationBans::alike(rows.options_of(earlier), options);
    if (known) continue;
    CitationBans bans(options, rows);
    if (bans.any()) result.push_back(std::move(bans));
  }
  return result;
}

int64_t number_of(NoToken reason) { return static_cast<int64_t>(reason); }

}  // namespace

TokenChooser::TokenChooser(const GrowingRows& rows, int64_t most_steps)
    : has_figures_(TokenFigures::are_asked(rows)),
      top_(TokenFigures::most_asked(rows)),
      bias_(bias_of(rows)),
      bans_(rows),
      citations_(citations_of(rows)),
      upload_(rows.ops()),
      record_(rows, most_steps) {
  if (rows.any([](const GenerateOptions& options) { return options.repetition_penalty != 1; })) {
    penalties_ = rows.column(at::kFloat, [](const GenerateOptions& options) { return options.repetition_penalty; });
  }
  if (rows.any(draws)) draw_.emplace(rows);
}

// The numbers cross as the bits of integers, which is what an upload takes; always as many, so that they stand where they stood.
void TokenChooser::begin(const std::vector<double>& uniform) {
  record_.begin();
  if (!draw_) return;
  at::Tensor bits = at::zeros({record_.most_steps(), record_.rows()}, at::kLong);
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
  if (has_figures_) figures.emplace(logits, best.scores, top_);
  if (changes_scores()) {
    change_scores(logits, rows);
    best = best_of(logits);
  }
  for (CitationBans& citations : citations_) {
    block_citations(citations, logits, rows, best);
    best = best_of(logits);
  }
  const at::Tensor ids = draw_ ? drawn(logits, best) : best.ids;
  const at::Tensor reason = at::where(finite, number_of(NoToken::all_banned), number_of(NoToken::not_finite));
  const at::Tensor otherwise = at::where(rows.active(), reason, number_of(NoToken::stands));
  const at::Tensor grown = rows.append(ids, finite.logical_and(best.scores.gt(kBanned)));
  record_.put_ids(at::where(grown, ids, otherwise));
  if (figures) record_.put_figures(figures->log_probabilities(ids), figures->entropies());
  if (top_ > 0) record_.put_top(figures->top_ids(), figures->top_log_probabilities());
  record_.end_step();
}

// In Hugging Face's order.
void TokenChooser::change_scores(at::Tensor& logits, const GrowingRows& rows) {
  if (bias_.defined()) logits.add_(bias_);
  if (penalties_.defined()) rows.ops().penalise(logits, penalties_, rows.seen());
  bans_.apply(logits, rows);
}

// Counted as an intervention when the token that would otherwise rank first is forbidden.
void TokenChooser::block_citations(CitationBans& citations, at::Tensor& logits, const GrowingRows& rows, const Best& best) {
  const at::Tensor forbidden = citations.find(rows);
  const at::Tensor first = forbidden.gather(1, best.ids.unsqueeze(1)).squeeze(1);
  record_.count_interventions(first.logical_and(best.scores.gt(kBanned)).logical_and_(rows.active()));
  logits.masked_fill_(forbidden, kBanned);
}

at::Tensor TokenChooser::drawn(const at::Tensor& logits, const Best& best) const {
  return draw_->choose(logits, best.scores, best.ids, uniform_.index_select(0, record_.step()).squeeze(0));
}

}  // namespace hyperfit
