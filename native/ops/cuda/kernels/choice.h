#pragma once
#include "numbers.h"

namespace hyperfit::cuda {

HYPERFIT_FUNCTION bool is_better(float score, int id, float than, int its_id) { return score > than || (score == than && id < its_id); }

constexpr int kNoId = 0x3FFFFFFF;

HYPERFIT_FUNCTION PartScores no_scores() { return {-kInfinity, -kInfinity, -kInfinity, kInfinity, kNoId, kNoId}; }

HYPERFIT_FUNCTION PartScores join(const PartScores& a, const PartScores& b) {
  const bool free = is_better(b.free_score, b.free_id, a.free_score, a.free_id), best = is_better(b.score, b.id, a.score, a.id);
  return {fmaxf(a.logit, b.logit),  free ? b.free_score : a.free_score, best ? b.score : a.score, fminf(a.least, b.least),
          free ? b.free_id : a.free_id, best ? b.id : a.id};
}

/// What all parts of a row say, in every thread.
HYPERFIT_FUNCTION PartScores scores_of_row(const PartScores* parts, Index count) {
  const auto of_thread = [&](int thread) {
    PartScores found = no_scores();
#pragma unroll 1
    for (Index part = thread; part < count; part += kThreads) found = join(found, parts[part]);
    return found;
  };
  return gather<PartScores>(of_thread, [](const PartScores& a, const PartScores& b) { return join(a, b); });
}

}  // namespace hyperfit::cuda
