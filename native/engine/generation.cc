#include "engine/generation.h"

#include <ATen/Parallel.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "decode/session.h"
#include "engine/generation_row.h"

namespace hyperfit {
namespace {

constexpr int64_t kPrefillTokens = 4096;  // prompt tokens read in one go: bounds the workspace, not the batch

int64_t longest(const std::vector<std::vector<int32_t>>& prompts) {
  size_t result = 0;
  for (const auto& prompt : prompts) result = std::max(result, prompt.size());
  return static_cast<int64_t>(result);
}

// Prompts [first, first + count) right-padded with 0 to their longest; causal attention never looks at the padding.
TokenBatch padded(const std::vector<std::vector<int32_t>>& prompts, int64_t first, int64_t count, Decoder& decoder, at::Tensor& last) {
  const std::vector<std::vector<int32_t>> rows(prompts.begin() + first, prompts.begin() + first + count);
  const int64_t length = longest(rows);
  at::Tensor tokens = at::zeros({count, length}, at::kLong);
  last = at::zeros({count}, at::kLong);
  for (int64_t row = 0; row < count; ++row) {
    const auto size = static_cast<int64_t>(rows[row].size());
    tokens.select(0, row).narrow(0, 0, size).copy_(at::tensor(rows[row], at::kLong));
    last.data_ptr<int64_t>()[row] = size - 1;
  }
  const std::vector<at::Tensor> ids = decoder.upload({tokens.view({-1}), last});
  last = ids[1];
  return {ids[0], count, length};
}

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

void end_stopped_rows(std::vector<GenerationRow>& rows, const StopSignals& stop) {
  for (size_t index = 0; index < rows.size(); ++index) {
    if (rows[index].active() && stop.row_ended(static_cast<int64_t>(index))) rows[index].end("cancelled");
  }
}

bool any_active(const std::vector<GenerationRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const GenerationRow& row) { return row.active(); });
}

void prefill_all(Decoder& decoder, KVCache& cache, const std::vector<std::vector<int32_t>>& prompts,
                 std::vector<GenerationRow>& rows, const StopSignals& stop, const TokenListener& listener) {
  const int64_t at_once = std::max<int64_t>(1, kPrefillTokens / longest(prompts));
  const auto total = static_cast<int64_t>(prompts.size());
  for (int64_t first = 0; first < total; first += at_once) {
    at::Tensor last;
    TokenBatch batch = padded(prompts, first, std::min(at_once, total - first), decoder, last);
    advance_rows(rows, first, TokenScores::read(decoder.prefill(batch, last, first, cache, stop)), listener);
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

}  // namespace

std::vector<Generation> generate(Decoder& decoder, KVCache& cache, const std::vector<std::vector<int32_t>>& prompts,
                                 const GenerateOptions& options, const StopSignals& stop, const TokenListener& listener) {
  std::vector<GenerationRow> rows;
  rows.reserve(prompts.size());
  for (int64_t row = 0; row < static_cast<int64_t>(prompts.size()); ++row) rows.emplace_back(prompts[row], options, options.seeds[row], row);
  cache.reset(static_cast<int64_t>(prompts.size()), longest(prompts) + options.max_new_tokens);
  if (any_active(rows)) prefill_all(decoder, cache, prompts, rows, stop, listener);
  const std::unique_ptr<DecodeSession> session = decoder.ops().decode_session(decoder, cache, static_cast<int64_t>(prompts.size()));
  while (any_active(rows)) {
    stop.throw_if_cancelled();
    decode_once(*session, rows, listener);
    end_stopped_rows(rows, stop);
  }
  std::vector<Generation> results;
  for (GenerationRow& row : rows) results.push_back(std::move(row.result()));
  return results;
}

}  // namespace hyperfit
