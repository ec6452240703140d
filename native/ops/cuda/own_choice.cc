#include <algorithm>

#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {
namespace {

constexpr const char *kScore = "score_tokens", *kWeigh = "weigh_tokens", *kChoose = "choose_tokens";

constexpr int64_t kMostIds = int64_t{1} << 30;

static_assert(sizeof(TokenRule) == 6 * sizeof(int64_t) && sizeof(TokenDraw) == 4 * sizeof(double), "TokenChoice has them as rows");

bool takes(const TokenChoice& choice) {
  const at::Tensor& logits = choice.logits;
  return may_launch_from(kScore, logits.device()) && may_launch_from(kChoose, logits.device()) && is_float(logits) &&
         logits.is_contiguous() && logits.numel() > 0 && logits.size(1) < kMostIds &&
         (!choice.draws.defined() || may_launch_from(kWeigh, logits.device()));
}

/// From one row to the next, 0 where all share one.
int64_t step_of(const at::Tensor& rows) { return !rows.defined() || rows.size(0) == 1 ? 0 : rows.stride(0); }

/// Parts of a step's memory, which lie behind each other. Where nothing changes scores they are the logits.
struct Room {
  Room(const TokenChoice& choice, int64_t parts_of_row) : scores(choice.logits) {
    const int64_t rows = choice.logits.size(0), size = choice.logits.size(1);
    const auto floats = [](int64_t bytes) { return bytes / static_cast<int64_t>(sizeof(float)); };
    const bool draws = choice.draws.defined();
    const bool changes = choice.bias.defined() || choice.penalties.defined() || choice.suppressed.defined() || choice.stops.defined() ||
                         choice.history.defined();
    const int64_t of_bins = draws ? floats(rows * kMassBins * sizeof(MassBin)) : 0;
    const int64_t of_weights = draws ? floats(rows * sizeof(RowWeights)) : 0;
    const int64_t of_parts = floats(rows * parts_of_row * sizeof(PartScores)), of_scores = draws && changes ? rows * size : 0;
    const at::Tensor room = choice.scratch.view({of_bins + of_weights + of_parts + of_scores}, choice.logits.options());
    const std::vector<at::Tensor> all = room.split_with_sizes({of_bins, of_weights, of_parts, of_scores});
    parts = all[2];
    if (draws) bins = all[0], weights = all[1];
    if (of_scores > 0) scores = changed = all[3];
  }
  at::Tensor bins, weights, parts, scores, changed;
};

bool score(const TokenChoice& choice, const Room& room, int64_t parts, size_t which) {
  const CitationArrays none{};
  const CitationArrays& table = which < choice.tables.size() ? *choice.tables[which] : none;
  const int64_t rows = choice.logits.size(0), size = choice.logits.size(1);
  const ScoreSizes sizes{rows, size, parts, step_of(choice.bias), step_of(choice.seen), step_of(choice.suppressed), step_of(choice.stops),
                         choice.history.defined() ? choice.history.stride(0) : 0, static_cast<int64_t>(which)};
  const CitationSizes citations{table.contexts, table.longest, table.banned, table.corpus, table.vocabulary, table.units, table.words};
  return HYPERFIT_LAUNCH(kScore, score_tokens, choice.logits.device(), blocks_for(rows * parts, 1), data_of(room.parts),
                         data_of(room.changed), data_of(room.bins), data_of(choice.logits), data_of(choice.bias), data_of(choice.penalties),
                         data_of(choice.seen), data_of(choice.suppressed), data_of(choice.stops), data_of(choice.active),
                         data_of(choice.rules), data_of(choice.positions), data_of(choice.history), data_of(table.longs),
                         data_of(table.ints), sizes, citations);
}

/// So that the masses of a whole vocabulary, of which a best token has 2^scale, stay below 2^63.
int scale_of(int64_t size) {
  int bits = 0;
  while ((int64_t{1} << bits) < size) ++bits;
  return 62 - bits;
}

}  // namespace

// Nothing but scratch has changed before the last launch.
bool choose_tokens(const TokenChoice& choice) {
  if (!takes(choice)) return false;
  const int64_t size = choice.logits.size(1), parts = (size + kScoredPart - 1) / kScoredPart;
  const WeightSizes weights{choice.logits.size(0), size, parts, scale_of(size)};
  const at::Device device = choice.logits.device();
  const Room room(choice, parts);
  for (size_t which = 0; which < std::max<size_t>(1, choice.tables.size()); ++which) {
    if (!score(choice, room, parts, which)) return false;
  }
  const bool weighed =
      !choice.draws.defined() ||
      HYPERFIT_LAUNCH(kWeigh, weigh_tokens, device, blocks_for(weights.rows * parts, 1), data_of(room.bins), data_of(room.weights),
                      data_of(room.scores), data_of(room.parts), data_of(choice.active), data_of(choice.draws), weights);
  if (!weighed) return false;
  const int64_t history = choice.history.defined() ? choice.history.stride(0) : 0;
  const ChoiceSizes sizes{weights, history, step_of(choice.seen), step_of(choice.stops), choice.ends_step};
  return HYPERFIT_LAUNCH(kChoose, choose_tokens, device, blocks_for(weights.rows, 1), data_of(choice.ids), data_of(choice.steps),
                         data_of(choice.interventions), data_of(choice.tokens), data_of(choice.positions), data_of(choice.active),
                         data_of(choice.history), data_of(choice.seen), data_of(choice.stops), data_of(room.parts), data_of(room.scores),
                         data_of(room.bins), data_of(room.weights), data_of(choice.draws), data_of(choice.uniform), sizes);
}

}  // namespace hyperfit::cuda::own
