#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hyperfit {
namespace {

struct Candidate {
  int32_t id;
  double weight;
};

// The lowest id first on ties.
bool more_probable(const Candidate& a, const Candidate& b) { return a.weight != b.weight ? a.weight > b.weight : a.id < b.id; }

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

// Candidates from the most probable on, sorted only as far as somebody looks: a draw seldom needs more than a hundred of a
// vocabulary.
class Ranking {
 public:
  explicit Ranking(std::vector<Candidate> list) : list_(std::move(list)) {}

  size_t size() const { return list_.size(); }

  const Candidate& operator[](size_t rank) {
    while (rank >= sorted_) sort_further();
    return list_[rank];
  }

  double total_weight() const {
    double total = 0;
    for (const Candidate& c : list_) total += c.weight;
    return total;
  }

 private:
  static constexpr size_t kFirst = 64;

  void sort_further() {
    const size_t until = std::min(list_.size(), std::max(kFirst, 4 * sorted_));
    const auto begin = list_.begin() + sorted_, end = list_.begin() + until;
    if (end != list_.end()) std::nth_element(begin, end, list_.end(), more_probable);
    std::sort(begin, end, more_probable);
    sorted_ = until;
  }

  std::vector<Candidate> list_;
  size_t sorted_ = 0;
};

struct Kept {
  size_t count;
  double weight;
};

// Top-p ends where the rest holds no more than 1 - p, min-p at the first candidate below its share of the best one's; one
// stays always. As TopPLogitsWarper and MinPLogitsWarper.
Kept keep(Ranking& ranking, double top_p, double min_p) {
  const double total = ranking.total_weight();
  if (top_p >= 1 && min_p <= 0) return {ranking.size(), total};
  const double least = min_p * ranking[0].weight;
  Kept kept{0, 0};
  while (kept.count < ranking.size()) {
    const double weight = ranking[kept.count].weight;
    const bool rest_may_go = top_p < 1 && total - kept.weight <= (1 - top_p) * total;
    if (kept.count > 0 && (rest_may_go || weight < least)) break;
    kept.weight += weight;
    ++kept.count;
  }
  return kept;
}

// What turns scores into probabilities.
struct Normalizer {
  double best, log_total;  // of exp(score - best)
  double mean_distance;    // expected score - best
  float log_probability(float score) const { return static_cast<float>(score - best - log_total); }
};

Normalizer normalizer(std::span<const float> scores) {
  const double best = *std::max_element(scores.begin(), scores.end());
  double total = 0, weighted = 0;
  for (float score : scores) {
    const double weight = std::exp(score - best);
    total += weight;
    weighted += weight * (score - best);
  }
  return {best, std::log(total), weighted / total};
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

int32_t choose(std::span<const float> scores, const SamplingOptions& options, Random& random) {
  if (options.temperature == 0) return argmax(scores);
  Ranking ranking(weigh(scores, options.temperature, options.top_k));
  if (ranking.size() == 0) return -1;
  const Kept kept = keep(ranking, options.top_p, options.min_p);
  double left = random.uniform() * kept.weight;
  for (size_t rank = 0; rank < kept.count; ++rank) {
    left -= ranking[rank].weight;
    if (left < 0) return ranking[rank].id;
  }
  return ranking[kept.count - 1].id;
}

ChoiceStats choice_stats(std::span<const float> scores, int32_t id) {
  const Normalizer total = normalizer(scores);
  return {total.log_probability(scores[id]), static_cast<float>(total.log_total - total.mean_distance)};
}

void append_top_choices(std::span<const float> scores, int64_t count, std::vector<int32_t>& ids, std::vector<float>& log_probabilities) {
  const Normalizer total = normalizer(scores);
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto end = order.begin() + std::min<int64_t>(count, static_cast<int64_t>(order.size()));
  std::partial_sort(order.begin(), end, order.end(),
                    [&](int32_t a, int32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  for (auto id = order.begin(); id != end; ++id) {
    ids.push_back(*id);
    log_probabilities.push_back(total.log_probability(scores[*id]));
  }
}

}  // namespace hyperfit
