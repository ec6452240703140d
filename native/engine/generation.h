#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/citation_index.h"
#include "engine/decoder.h"
#include "engine/no_repeat_ngram.h"
#include "engine/sampler.h"
#include "engine/stop_signals.h"

namespace hyperfit {

/// May change the scores [vocabulary] of a row before anything else does. `ids`: the prompt and what came after it.
using LogitsHook = std::function<void(int64_t row, std::span<float> logits, std::span<const int32_t> ids)>;

/// As NativeGenerateOptions in lib/addon-types.ts.
struct GenerateOptions {
  int64_t max_new_tokens = 0;
  int64_t min_new_tokens = 0;
  SamplingOptions sampling;
  std::vector<std::pair<int32_t, float>> logit_bias;  // added to the logits before anything else
  double repetition_penalty = 1;
  int64_t no_repeat_ngram_size = 0;
  bool no_repeat_counts_prompt = true;
  std::vector<int32_t> stop_ids;
  std::vector<int32_t> suppress_ids;
  std::vector<uint64_t> seeds;  // one a row
  bool token_stats = false;
  int64_t top_log_probabilities = 0;  // with token_stats: how many of the most probable ids to keep of each step
  std::shared_ptr<const CitationIndex> citation_index;  // null: off
  CitationRule citation_rule;
  bool citation_counts_prompt = false;
  LogitsHook logits_hook;  // null: none; rows then are told one after another
};

struct Generation {
  std::vector<int32_t> ids;
  std::string finish_reason = "length";
  std::vector<float> log_probabilities, entropies;
  std::vector<int32_t> top_ids;              // [tokens, top_log_probabilities]
  std::vector<float> top_log_probabilities;  // [tokens, top_log_probabilities]
  int64_t interventions = 0;
};

class KeptRows;

using TokenListener = std::function<void(int64_t row, int32_t id, float log_probability)>;

/// Continues every prompt. Rows do not affect each other: a row's tokens are those it would get alone. `kept` has what an earlier
/// generation over the same cache has left for others like it.
std::vector<Generation> generate(Decoder& decoder, KVCache& cache, KeptRows& kept, const std::vector<std::vector<int32_t>>& prompts,
                                 const GenerateOptions& options, const StopSignals& stop, const TokenListener& listener);

}  // namespace hyperfit
