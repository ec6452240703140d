#include "decode/device/token_draw.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "engine/token_scores.h"

namespace hyperfit {
namespace {

constexpr double kNoCandidate = -1;  // in the place of a weight: behind all others

bool is_greedy(const GenerateOptions& options) { return options.sampling.temperature == 0; }

}  // namespace

TokenDraw::TokenDraw(const GrowingRows& rows) : most_(0), ranks_(at::arange(rows.vocabulary(), rows.tensor_options(at::kLong))) {
  if (rows.any(is_greedy)) greedy_ = rows.column(at::kBool, is_greedy);
  temperatures_ =
      rows.column(at::kDouble, [](const GenerateOptions& options) { return is_greedy(options) ? 1 : options.sampling.temperature; });
  const auto cuts = [&](const GenerateOptions& options) {
    return !is_greedy(options) && options.sampling.top_k > 0 && options.sampling.top_k < rows.vocabulary();
  };
  for (int64_t row = 0; row < rows.count(); ++row) {
    if (cuts(rows.options_of(row))) most_ = std::max(most_, rows.options_of(row).sampling.top_k);
  }
  if (most_ > 0) {
    last_ = rows.column(
        at::kLong, [&](const GenerateOptions& options) { return cuts(options) ? static_cast<double>(options.sampling.top_k - 1) : 0; });
    all_ = rows.column(at::kBool, [&](const GenerateOptions& options) { return !cuts(options); });
  }
  if (rows.any([](const GenerateOptions& options) { return options.sampling.top_p < 1; })) {
    top_p_ = rows.column(at::kDouble, [](const GenerateOptions& options) { return options.sampling.top_p; });
  }
  if (rows.any([](const GenerateOptions& options) { return options.sampling.min_p > 0; })) {
    min_p_ = rows.column(at::kDouble, [](const GenerateOptions& options) { return options.sampling.min_p; });
  }
}

// Unnormalised: exp((score - best) / temperature), float64 [B, V]. Ties with the k-th score stay.
at::Tensor TokenDraw::weigh(const at::Tensor& logits, const at::Tensor& best) const {
  at::Tensor candidates = logits.gt(kBanned);
  if (most_ > 0) candidates.logical_and_(logits.ge(std::get<0>(at::topk(logits, most_)).gather(1, last_)).logical_or_(all_));
  const at::Tensor weights = logits.to(at::kDouble).sub_(best.to(at::kDouble).unsqueeze(1)).div_(temperatures_).exp_();
  return at::where(candidates, weights, kNoCandidate);
}

// Top-p ends where the rest holds no more than 1 - p, min-p at the first candidate below its share of the best one's; the best stays
// always.
void TokenDraw::drop_unlikely(at::Tensor& kept, const at::Tensor& weights, const at::Tensor& until) const {
  if (min_p_.defined()) kept.logical_and_(weights.ge(weights.narrow(1, 0, 1).mul(min_p_)).logical_or_(ranks_.eq(0)));
  if (!top_p_.defined()) return;
  const at::Tensor total = until.narrow(1, -1, 1), before = until.roll(1, 1);
  const at::Tensor goes = total.sub(before).le(total.mul(top_p_.neg().add_(1))).logical_and_(top_p_.lt(1));
  kept.logical_and_(goes.logical_not_().logical_or_(ranks_.eq(0)));
}

at::Tensor TokenDraw::choose(const at::Tensor& logits, const at::Tensor& best, const at::Tensor& best_ids,
                             const at::Tensor& uniform) const {
  const auto [weights, ids] = at::sort(weigh(logits, best), /*stable=*/true, /*dim=*/1, /*descending=*/true);
  const at::Tensor until = weights.clamp_min(0).cumsum(1);  // what stands before a candidate, and itself
  at::Tensor kept = weights.ge(0);
  drop_unlikely(kept, weights, until);
  const at::Tensor kept_weight = until.masked_fill(kept.logical_not(), 0).amax(1, /*keepdim=*/true);
  const at::Tensor passed = kept.logical_and(until.le(kept_weight.mul(uniform.unsqueeze(1)))).sum(1, /*keepdim=*/true);
  const at::Tensor rank = passed.minimum(kept.sum(1, /*keepdim=*/true).sub_(1)).clamp_min_(0);
  const at::Tensor drawn = ids.gather(1, rank).squeeze(1);
  return greedy_.defined() ? at::where(greedy_.squeeze(1), best_ids, drawn) : drawn;
}

}  // namespace hyperfit
