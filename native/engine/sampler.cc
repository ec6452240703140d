#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <unordered_set>

namespace hyperfit {
namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();

bool more_probable(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.id < b.id;
}

// The k-th largest score, -inf when every score stays.
float top_k_threshold(std::span<const float> scores, int64_t k) {
  if (k <= 0 || k >= static_cast<int64_t>(scores.size())) return kBanned;
  std::vector<float> copy(scores.begin(), scores.end());
  std::nth_element(copy.begin(), copy.begin() + (k - 1), copy.end(), std::greater<float>());
  return copy[k - 1];
}

// Unnormalised: exp((score - best) / temperature). Of the top k first, so that a large vocabulary is neither weighed nor
// sorted; ties with the k-th score stay, as in TopKLogitsWarper.
std::vector<Candidate> weigh(std::span<const float> scores, double temperature, int64_t top_k) {
  const int32_t best = argmax(scores);
  std::vector<Candidate> result;
  if (best < 0) return result;
  const float threshold = top_k_threshold(scores, top_k);
  for (size_t id = 0; id < scores.size(); ++id) {
    if (scores[id] == kBanned || scores[id] < threshold) continue;
    const double weight = std::exp((static_cast<double>(scores[id]) - scores[best]) / temperature);
    result.push_back({static_cast<int32_t>(id), weight});
  }
  return result;
}

void normalize(std::vector<Candidate>& list) {
  double total = 0;
  for (const Candidate& c : list) total += c.probability;
  for (Candidate& c : list) c.probability /= total;
}

// Drops from the end while the dropped mass stays within 1 - p; at least one stays, as in TopPLogitsWarper.
void keep_top_p(std::vector<Candidate>& sorted, double p) {
  if (p >= 1) return;
  normalize(sorted);
  double dropped = 0;
  while (sorted.size() > 1 && dropped + sorted.back().probability <= 1 - p) {
    dropped += sorted.back().probability;
    sorted.pop_back();
  }
}

void keep_min_p(std::vector<Candidate>& sorted, double p) {
  if (p <= 0) return;
  const double threshold = p * sorted.front().probability;
  while (sorted.size() > 1 && sorted.back().probability < threshold) sorted.pop_back();
}

}  // namespace

void apply_repetition_penalty(std::span<float> scores, std::span<const int32_t> seen, double penalty) {
  if (penalty == 1) return;
  const auto factor = static_cast<float>(penalty);
  for (int32_t id : std::unordered_set<int32_t>(seen.begin(), seen.end())) {
    if (static_cast<size_t>(id) >= scores.size()) continue;  // a start token that the head cannot predict
    scores[id] = scores[id] < 0 ? scores[id] * factor : scores[id] / factor;
  }
}

int32_t argmax(std::span<const float> scores) {
  auto best = std::max_element(scores.begin(), scores.end());
  return best == scores.end() || *best == kBanned ? -1 : static_cast<int32_t>(best - scores.begin());
}

std::vector<Candidate> candidates(std::span<const float> scores, const SamplingOptions& options) {
  std::vector<Candidate> list = weigh(scores, options.temperature, options.top_k);
  if (list.empty()) return list;
  std::sort(list.begin(), list.end(), more_probable);
  keep_top_p(list, options.top_p);
  keep_min_p(list, options.min_p);
  normalize(list);
  return list;
}

int32_t choose(std::span<const float> scores, const SamplingOptions& options, Random& random) {
  if (options.temperature == 0) return argmax(scores);
  const std::vector<Candidate> list = candidates(scores, options);
  if (list.empty()) return -1;
  double left = random.uniform();
  for (const Candidate& candidate : list) {
    left -= candidate.probability;
    if (left < 0) return candidate.id;
  }
  return list.back().id;
}

ChoiceStats choice_stats(std::span<const float> scores, int32_t id) {
  const double best = *std::max_element(scores.begin(), scores.end());
  double total = 0, weighted = 0;
  for (float score : scores) {
    const double weight = std::exp(score - best);
    total += weight;
    weighted += weight * (score - best);
  }
  const double log_total = std::log(total);
  return {static_cast<float>(scores[id] - best - log_total), static_cast<float>(log_total - weighted / total)};
}

}  // namespace hyperfit
