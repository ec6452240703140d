#include "decode/device/token_draw.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>

#include "engine/token_scores.h"

namespace hyperfit {
namespace {

constexpr double kNoCandidate = -1;  // in the place of a weight: behind all others

}  // namespace

TokenDraw::TokenDraw(const SamplingOptions& options, const GrowingRows& rows)
    : options_(options),
      temperature_(at::full({}, options.temperature, rows.options(at::kDouble))),
      ranks_(at::arange(rows.vocabulary(), rows.options(at::kLong))) {}

// Unnormalised: exp((score - best) / temperature), float64 [B, V]. Ties with the k-th score stay.
at::Tensor TokenDraw::weigh(const at::Tensor& logits, const at::Tensor& best) const {
  const int64_t k = options_.top_k;
  at::Tensor candidates = logits.gt(kBanned);
  if (k > 0 && k < logits.size(1)) candidates.logical_and_(logits.ge(std::get<0>(at::topk(logits, k)).narrow(1, k - 1, 1)));
  const at::Tensor weights = logits.to(at::kDouble).sub_(best.to(at::kDouble).unsqueeze(1)).div_(temperature_).exp_();
  return at::where(candidates, weights, kNoCandidate);
}

at::Tensor TokenDraw::choose(const at::Tensor& logits, const at::Tensor& best, const at::Tensor& uniform) const {
  const auto [weights, ids] = at::sort(weigh(logits, best), /*stable=*/true, /*dim=*/1, /*descending=*/true);
  const at::Tensor until = weights.clamp_min(0).cumsum(1);  // what stands before a candidate, and itself
  at::Tensor kept = weights.ge(0);
  if (options_.top_p < 1 || options_.min_p > 0) {
    at::Tensor goes = weights.lt(weights.narrow(1, 0, 1).mul(options_.min_p));
    if (options_.top_p < 1) {
      const at::Tensor total = until.narrow(1, -1, 1);
      const at::Tensor before = until.roll(1, 1);
      goes.logical_or_(total.sub(before).le(total.mul(1 - options_.top_p)));
    }
    kept.logical_and_(goes.logical_not_().logical_or_(ranks_.eq(0)));  // the best stays always
  }
  const at::Tensor kept_weight = until.masked_fill(kept.logical_not(), 0).amax(1, /*keepdim=*/true);
  const at::Tensor passed = kept.logical_and(until.le(kept_weight.mul(uniform.unsqueeze(1)))).sum(1, /*keepdim=*/true);
  const at::Tensor rank = passed.minimum(kept.sum(1, /*keepdim=*/true).sub_(1)).clamp_min_(0);
  return ids.gather(1, rank).squeeze(1);
}

}  // namespace hyperfit
