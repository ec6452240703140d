// What each id scores as a row's next token, in Hugging Face's order: bias, repetition penalty (Keskar et al. 2019, arXiv 1909.05858),
// n-grams, minimum length, suppressed ids, then the citation blocker; and the best of every part of the vocabulary.
#include "choice.h"
#include "citations.h"
#include "ngrams.h"

namespace hyperfit::cuda {

/// Of one part of a row.
struct PartOfRow {
  Index row, first, end;
};

HYPERFIT_FUNCTION void take(float score, int id, float& best, int& its_id) {
  if (!is_better(score, id, best, its_id)) return;
  best = score;
  its_id = id;
}

/// A thread's share of a part, which it alone reads again. By itself, since a division beside much else would cost memory of each thread's
/// own.
HYPERFIT_FUNCTION void weigh(float* to, const float* x, const float* bias, const unsigned char* seen, float penalty, int count,
                             int thread) {
#pragma unroll 1
  for (int at = thread; at < count; at += kThreads) {
    float score = x[at];
    if (bias != nullptr) score += bias[at];
    if (seen != nullptr && seen[at] != 0) score = score < 0 ? score * penalty : score / penalty;
    to[at] = score;
  }
}

HYPERFIT_FUNCTION void clear_bins(MassBin* bins, const ScoreSizes& sizes, const PartOfRow& part) {
  each_thread([&](int thread) {
    MassBin* own = bins + part.row * kMassBins;
    for (Index i = part.first / kScoredPart * kThreads + thread; i < kMassBins; i += sizes.parts * kThreads) own[i] = {0, 0};
  });
}

HYPERFIT_LONG_KERNEL(score_tokens, PartScores* parts, float* scores, MassBin* bins, const float* logits, const float* bias,
                     const float* penalties, const unsigned char* seen, const unsigned char* suppressed, const unsigned char* stops,
                     const unsigned char* active, const TokenRule* rules, const Index* positions, const Index* history,
                     const Index* table_longs, const int* table_ints, ScoreSizes sizes, CitationSizes table) {
  HYPERFIT_SHARED unsigned char banned[kScoredPart], cited[kScoredPart];
  HYPERFIT_SHARED float values[kScoredPart];
  const auto of_row = static_cast<unsigned>(sizes.parts), count = static_cast<unsigned>(sizes.rows) * of_row;
  for (unsigned block = static_cast<unsigned>(block_index()); block < count; block += static_cast<unsigned>(block_count())) {
    const Index row = block / of_row, first = Index{block % of_row} * kScoredPart;
    const PartOfRow part{row, first, first + kScoredPart < sizes.size ? first + kScoredPart : sizes.size};
    const TokenRule& rule = rules[row];
    if (active[row] == 0 || rule.table != sizes.table) continue;
    const Index length = positions[row] + 1;
    if (history != nullptr) {
      const Index* tokens = history + row * sizes.history;
      each_thread([&](int thread) {
        for (int i = thread; i < kScoredPart; i += kThreads) banned[i] = cited[i] = 0;
      });
      barrier();
      if (rule.ngram > 0) mark_ngrams(banned, part.first, part.end, tokens, rule.ngram_first, length, rule.ngram);
      if (table_longs != nullptr) {
        mark_citations(cited, part.first, part.end, arrays_of(table_longs, table_ints, table), table, tokens, rule.citation_first, length);
      }
      barrier();
    }
    const bool is_short = length - rule.prompt < rule.least;
    const float penalty = penalties == nullptr ? 1.0f : penalties[row];
    const float* x = logits + row * sizes.size + part.first;
    const Index count = part.end - part.first;
    const auto from = [&](auto* rows, Index step) { return rows == nullptr ? rows : rows + row * step + part.first; };
    const float* shift = from(bias, sizes.bias);
    const unsigned char *held = from(seen, sizes.seen), *out = from(suppressed, sizes.suppressed);
    const unsigned char* ends = is_short ? from(stops, sizes.stops) : nullptr;
    float* to = from(scores, sizes.size);
    each_thread([&](int thread) { weigh(values, x, shift, held, penalty, static_cast<int>(count), thread); });
    const auto of_thread = [&](int thread) {
      PartScores found = no_scores();
#pragma unroll 1
      for (int at = thread; at < static_cast<int>(count); at += kThreads) {
        found.logit = fmaxf(found.logit, x[at] == x[at] ? x[at] : kInfinity);
        float score = values[at];
        const bool is_out = (ends != nullptr && ends[at] != 0) || (out != nullptr && out[at] != 0);
        if (is_out || (history != nullptr && banned[at] != 0)) score = -kInfinity;
        take(score, at, found.free_score, found.free_id);
        if (history != nullptr && cited[at] != 0) score = -kInfinity;
        take(score, at, found.score, found.id);
        if (score > -kInfinity) found.least = fminf(found.least, score);
        if (to != nullptr) to[at] = score;
      }
      return found;
    };
    const PartScores found = gather<PartScores>(of_thread, [](const PartScores& a, const PartScores& b) { return join(a, b); });
    if (bins != nullptr) clear_bins(bins, sizes, part);
    each_thread([&](int thread) {
      if (thread != 0) return;
      PartScores& of_part = parts[row * sizes.parts + part.first / kScoredPart];
      of_part = found;
      of_part.free_id += static_cast<int>(part.first);
      of_part.id += static_cast<int>(part.first);
    });
  }
}

}  // namespace hyperfit::cuda
