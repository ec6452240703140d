// The id that each row goes on with, and all that follows from it, so that nothing of a token is left to the host.
#include "draw.h"

namespace hyperfit::cuda {

/// In the place of an id; NoToken has them.
enum NoId { kStands = -1, kAllBanned = -2, kNotFinite = -3 };

HYPERFIT_LONG_KERNEL(choose_tokens, Index* ids, Index* steps, Index* interventions, Index* tokens, Index* positions, unsigned char* active,
                Index* history, unsigned char* seen, const unsigned char* stops, const PartScores* parts, const float* scores,
                const MassBin* bins, const RowWeights* weights, const TokenDraw* draws, const double* uniform, ChoiceSizes sizes) {
  const WeightSizes& all = sizes.weights;
  for (Index row = block_index(); row < all.rows; row += block_count()) {
    const Index place = steps[row] * all.rows + row;
    const bool stands = active[row] == 0;
    const PartScores found = stands ? no_scores() : scores_of_row(parts + row * all.parts, all.parts);
    const bool is_finite = fabsf(found.logit) < kInfinity, grows = !stands && is_finite && found.score > -kInfinity;
    Index id = grows ? found.id : (stands ? kStands : (is_finite ? kAllBanned : kNotFinite));
    if (grows && draws != nullptr && draws[row].temperature != 0) {
      const MassBin* own = bins + row * kMassBins;
      Lottery lottery{scores + row * all.size, own, all.size, weights[row], -kInfinity, kMassBins - 1, own[kMassBins - 1].mass};
      id = draw_from(lottery, draws[row], uniform[place], found.id);
    }
    barrier();  // all threads have read where the row stands
    each_thread([&](int thread) {
      if (thread != 0) return;
      ids[place] = id;
      if (sizes.ends != 0) steps[row] += 1;
      if (stands) return;
      const bool is_other = found.free_score != found.score || found.free_id != found.id;
      if (interventions != nullptr && found.free_score > -kInfinity && is_other) interventions[row] += 1;
      if (grows) {
        positions[row] += 1;
        tokens[row] = id;
        if (history != nullptr) history[row * sizes.history + positions[row]] = id;
        if (seen != nullptr) seen[row * sizes.seen + id] = 1;
      }
      active[row] = grows && (stops == nullptr || stops[row * sizes.stops + id] == 0) ? 1 : 0;
    });
  }
}

}  // namespace hyperfit::cuda
