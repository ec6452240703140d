#include "decode/device/operator_choice.h"

#include <ATen/ops/max.h>
#include <ATen/ops/where.h>

#include <limits>

#include "engine/token_scores.h"

namespace hyperfit {
namespace {

constexpr float kInfinite = std::numeric_limits<float>::infinity();

std::vector<CitationBans> citations_of(const GrowingRows& rows) {
  std::vector<CitationBans> result;
  for (const GenerateOptions* options : CitationBans::kinds_of(rows)) result.emplace_back(*options, rows);
  return result;
}

int64_t number_of(NoToken reason) { return static_cast<int64_t>(reason); }

}  // namespace

BestTokens BestTokens::of(const at::Tensor& logits) {
  const auto [scores, ids] = at::max(logits, /*dim=*/1);
  return {scores, ids};
}

OperatorChoice::OperatorChoice(const GrowingRows& rows)
    : bias_(rows.bias()), penalties_(rows.penalties()), bans_(rows), citations_(citations_of(rows)) {
  if (rows.any_draws()) draw_.emplace(rows);
}

at::Tensor OperatorChoice::choose(at::Tensor logits, BestTokens best, GrowingRows& rows, ChoiceRecord& record, const at::Tensor& uniform) {
  const at::Tensor finite = best.scores.abs().lt(kInfinite);  // NaN is not
  if (changes_scores()) {
    change_scores(logits, rows);
    best = BestTokens::of(logits);
  }
  for (CitationBans& citations : citations_) {
    block_citations(citations, logits, rows, best, record);
    best = BestTokens::of(logits);
  }
  const auto drawn = [&] { return draw_->choose(logits, best.scores, best.ids, uniform.index_select(0, record.step()).squeeze(0)); };
  const at::Tensor ids = draw_ ? drawn() : best.ids;
  const at::Tensor reason = at::where(finite, number_of(NoToken::all_banned), number_of(NoToken::not_finite));
  const at::Tensor otherwise = at::where(rows.active(), reason, number_of(NoToken::stands));
  const at::Tensor grown = rows.append(ids, finite.logical_and(best.scores.gt(kBanned)));
  record.put_ids(at::where(grown, ids, otherwise));
  return ids;
}

// In Hugging Face's order.
void OperatorChoice::change_scores(at::Tensor& logits, const GrowingRows& rows) {
  if (bias_.defined()) logits.add_(bias_);
  if (penalties_.defined()) penalise(logits, penalties_, rows.seen());
  bans_.apply(logits, rows);
}

void OperatorChoice::penalise(at::Tensor& logits, const at::Tensor& penalties, const at::Tensor& seen) {
  const at::Tensor penalised = at::where(logits.lt(0), logits.mul(penalties), logits.div(penalties));
  logits.copy_(at::where(seen, penalised, logits));
}

// Counted as an intervention when the token that would otherwise rank first is forbidden.
void OperatorChoice::block_citations(CitationBans& citations, at::Tensor& logits, const GrowingRows& rows, const BestTokens& best,
                                     ChoiceRecord& record) {
  const at::Tensor forbidden = citations.find(rows);
  const at::Tensor first = forbidden.gather(1, best.ids.unsqueeze(1)).squeeze(1);
  record.count_interventions(first.logical_and(best.scores.gt(kBanned)).logical_and_(rows.active()));
  logits.masked_fill_(forbidden, kBanned);
}

}  // namespace hyperfit
