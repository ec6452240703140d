#include "engine/generation.h"

#include <ATen/Parallel.h>

#include "decode/device/device_generation.h"
#include "decode/session.h"
#include "engine/generation_row.h"
#include "engine/prompts.h"

namespace hyperfit {
namespace {

// Gives every active row its token from the scores of this call's rows. Rows know nothing of each other.
void advance_rows(std::vector<GenerationRow>& rows, int64_t first, const TokenScores& scores, const TokenListener& listener) {
  const int64_t count = scores.logits.size(0);
  std::vector<int64_t> before;
  for (int64_t index = 0; index < count; ++index) before.push_back(rows[first + index].length());
  const bool apart = rows[first].shares_rows_out();
  at::parallel_for(0, count, /*grain_size=*/apart ? 1 : count, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      GenerationRow& row = rows[first + index];
      if (row.active()) row.advance(scores, index);
    }
  });
  if (!listener) return;
  for (int64_t index = 0; index < count; ++index) {
    const GenerationRow& row = rows[first + index];
    if (row.length() > before[index]) listener(first + index, row.last_token(), row.last_log_probability());
  }
}

// Rows that have ended are fed their last token again at their last position: their results are thrown away.
void decode_once(DecodeSession& session, std::vector<GenerationRow>& rows, const TokenListener& listener) {
  std::vector<int64_t> tokens, positions;
  for (const GenerationRow& row : rows) {
    tokens.push_back(row.last_token());
    positions.push_back(row.length() - 1);
  }
  advance_rows(rows, 0, session.step(tokens, positions), listener);
}

// Scores come to the host for every token, and each row chooses there.
void generate_on_host(Decoder& decoder, KVCache& cache, const Prompts& prompts, std::vector<GenerationRow>& rows, const StopSignals& stop,
                      const TokenListener& listener) {
  if (any_active(rows)) {
    read_prompts(decoder, cache, prompts, stop,
                 [&](int64_t first, const at::Tensor& logits) { advance_rows(rows, first, TokenScores::read(logits), listener); });
  }
  const std::unique_ptr<DecodeSession> session = decoder.ops().decode_session(decoder, cache, static_cast<int64_t>(prompts.size()));
  while (any_active(rows)) {
    stop.throw_if_cancelled();
    decode_once(*session, rows, listener);
    end_stopped_rows(rows, stop);
  }
}

// On a device one of few, so that texts of about the same length find what others have left.
int64_t capacity_of(const Decoder& decoder, int64_t positions) {
  constexpr int64_t kMultiple = 128;
  if (!DeviceRows::serve(decoder)) return positions;
  const int64_t rounded = (positions + kMultiple - 1) / kMultiple * kMultiple;
  return std::max(positions, std::min(rounded, decoder.config().max_position_embeddings));
}

}  // namespace

std::vector<Generation> generate(Decoder& decoder, KVCache& cache, KeptRows& kept, const std::vector<std::vector<int32_t>>& prompts,
                                 const GenerateOptions& options, const StopSignals& stop, const TokenListener& listener) {
  std::vector<GenerationRow> rows;
  rows.reserve(prompts.size());
  for (int64_t row = 0; row < static_cast<int64_t>(prompts.size()); ++row)
    rows.emplace_back(prompts[row], options, options.seeds[row], row);
  cache.reset(static_cast<int64_t>(prompts.size()), capacity_of(decoder, longest(prompts) + options.max_new_tokens));
  if (DeviceGeneration::serves(decoder, options)) {
    if (any_active(rows)) DeviceGeneration(decoder, cache, kept, prompts, rows).run(stop, listener);
  } else {
    generate_on_host(decoder, cache, prompts, rows, stop, listener);
  }
  std::vector<Generation> results;
  for (GenerationRow& row : rows) results.push_back(std::move(row.result()));
  return results;
}

}  // namespace hyperfit
