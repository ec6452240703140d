// What the scores of rows that draw weigh, in whole numbers. By many blocks, as exponents in float64 are slow on most cards.
#include "weights.h"

namespace hyperfit::cuda {

HYPERFIT_KERNEL(weigh_tokens, MassBin* bins, RowWeights* weights, const float* scores, const PartScores* parts, const unsigned char* active,
                const TokenDraw* draws, WeightSizes sizes) {
  const auto of_row = static_cast<unsigned>(sizes.parts), count = static_cast<unsigned>(sizes.rows) * of_row;
  for (unsigned block = static_cast<unsigned>(block_index()); block < count; block += static_cast<unsigned>(block_count())) {
    const Index row = block / of_row, first = Index{block % of_row} * kScoredPart;
    const Index end = first + kScoredPart < sizes.size ? first + kScoredPart : sizes.size;
    const TokenDraw draw = draws[row];
    if (active[row] == 0 || draw.temperature == 0) continue;
    const PartScores found = scores_of_row(parts + row * sizes.parts, sizes.parts);
    if (found.score == -kInfinity) continue;
    const RowWeights own = weights_of(found, draw, sizes.scale);
    each_thread([&](int thread) {
      if (first == 0 && thread == 0) weights[row] = own;
#pragma unroll 1
      for (Index id = first + thread; id < end; id += kThreads) {
        const float score = scores[row * sizes.size + id];
        const Mass mass = score > -kInfinity ? mass_of(own, score) : 0;
        if (mass == 0) continue;
        MassBin& bin = bins[row * kMassBins + bin_of(own, score)];
        add_to(bin.mass, mass);
        if (draw.top_k > 0) add_to(bin.count, 1);
      }
    });
  }
}

}  // namespace hyperfit::cuda
