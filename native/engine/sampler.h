#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/random.h"

namespace hyperfit {

/// How one token is chosen from a row of scores; definitions as in Hugging Face generation.
struct SamplingOptions {
  double temperature = 0;  // 0: greedy
  int64_t top_k = 0;       // 0: off
  double top_p = 1;
  double min_p = 0;
  bool operator==(const SamplingOptions&) const = default;
};

/// Divides positive and multiplies negative scores of each seen token once (CTRL, Keskar et al. 2019).
void apply_repetition_penalty(std::span<float> scores, std::span<const int32_t> seen, double penalty);

/// The highest score; the lowest id on ties. -1 when every score is -inf.
int32_t argmax(std::span<const float> scores);

/// Greedy, or one draw from what temperature, top-k, top-p and min-p leave, in this order. -1 when every token is banned.
int32_t choose(std::span<const float> scores, const SamplingOptions& options, Random& random);

/// Natural log-probability of `id` and entropy (nats) of the distribution that raw scores stand for.
struct ChoiceStats {
  float log_probability;
  float entropy;
};
ChoiceStats choice_stats(std::span<const float> scores, int32_t id);

/// The `count` most probable ids, the lowest first on ties, and their natural log-probabilities, added to the end of two lists.
void append_top_choices(std::span<const float> scores, int64_t count, std::vector<int32_t>& ids, std::vector<float>& log_probabilities);

}  // namespace hyperfit
