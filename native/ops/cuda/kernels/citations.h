#pragma once
#include "numbers.h"

namespace hyperfit::cuda {

/// Where in the two arrays of a table each of its parts begins (CitationSizes).
struct CitationArrays {
  const Index *hashes, *starts, *token_factors, *place_factors;
  const int *ends, *lengths, *banned, *corpus, *canonical, *starts_word;
};

HYPERFIT_FUNCTION CitationArrays arrays_of(const Index* longs, const int* ints, const CitationSizes& sizes) {
  const Index* starts = longs + sizes.contexts;
  const Index* factors = starts + sizes.contexts + 1;
  const int* banned = ints + 2 * sizes.contexts;
  const int* canonical = banned + sizes.banned + sizes.corpus;
  return {longs, starts, factors, factors + sizes.vocabulary, ints, ints + sizes.contexts, banned, banned + sizes.banned, canonical,
          canonical + sizes.vocabulary};
}

HYPERFIT_FUNCTION Index sum_of(Index a, Index b) { return a + b; }
HYPERFIT_FUNCTION Index higher(Index a, Index b) { return a > b ? a : b; }

/// Tokens of the last `units` words, which the `reach` last tokens hold, or 0 where they hold fewer. From the end on, kThreads tokens a
/// time.
HYPERFIT_FUNCTION Index length_of_words(const CitationArrays& table, const Index* end, Index reach, Index units) {
  HYPERFIT_SHARED unsigned char begins[kThreads];
  Index words = 0;
#pragma unroll 1
  for (Index first = 0; first < reach; first += kThreads) {
    each_thread([&](int thread) { begins[thread] = first + thread < reach && table.starts_word[end[-1 - first - thread]] != 0 ? 1 : 0; });
    barrier();
    const auto found = [&](int thread) {
      Index count = words;
#pragma unroll 1
      for (int i = 0; i <= thread; ++i) count += begins[i];
      return begins[thread] != 0 && count == units ? first + thread + 1 : Index{0};
    };
    const Index length = gather<Index>(found, higher);
    if (length > 0) return length;
    words += gather<Index>([&](int thread) { return Index{begins[thread]}; }, sum_of);
  }
  return 0;
}

/// The place of a number among `count` rising ones, or -1.
HYPERFIT_FUNCTION Index place_of(const Index* rising, Index count, Index number) {
  Index low = 0, high = count;
#pragma unroll 1
  while (high - low > kThreads) {
    const Index step = (high - low + kThreads - 1) / kThreads;
    const Index below = gather<Index>(
        [&](int thread) {
          const Index at = low + (thread + 1) * step;
          return at < high && rising[at] <= number ? Index{1} : Index{0};
        },
        sum_of);
    low += below * step;
    high = low + step < high ? low + step : high;
  }
  return gather<Index>([&](int thread) { return low + thread < high && rising[low + thread] == number ? low + thread : Index{-1}; },
                       higher);
}

/// Marks the ids from `first` to before `end` that the table forbids behind tokens [length] of which those from `begin` on count.
HYPERFIT_FUNCTION void mark_citations(unsigned char* marks, Index first, Index end, const CitationArrays& table, const CitationSizes& sizes,
                                      const Index* tokens, Index begin, Index length) {
  const Index reach = length - begin < sizes.longest ? length - begin : sizes.longest;
  const Index of_tokens = reach >= sizes.units ? sizes.units : 0;
  const Index context = sizes.words != 0 ? length_of_words(table, tokens + length, reach, sizes.units) : of_tokens;
  if (context == 0) return;
  const Index* last = tokens + length - context;
  const Index* factors = table.place_factors + sizes.longest - context;
  // Sums wrap, which signed numbers may not.
  const auto product = [&](int thread) {
    unsigned long long sum = 0;
#pragma unroll 1
    for (Index i = thread; i < context; i += kThreads) {
      sum += static_cast<unsigned long long>(table.token_factors[last[i]]) * static_cast<unsigned long long>(factors[i]);
    }
    return sum;
  };
  const auto hash = gather<unsigned long long>(product, [](unsigned long long a, unsigned long long b) { return a + b; });
  const Index found = place_of(table.hashes, sizes.contexts, static_cast<Index>(hash));
  if (found < 0 || table.lengths[found] != context) return;
  // A hash that is there is no proof: the tokens are.
  const int* quoted = table.corpus + table.ends[found] - context;
  const auto others = [&](int thread) {
    Index count = 0;
#pragma unroll 1
    for (Index i = thread; i < context; i += kThreads) count += quoted[i] != table.canonical[last[i]] ? 1 : 0;
    return count;
  };
  if (gather<Index>(others, sum_of) > 0) return;
  const Index stop = table.starts[found + 1];
  each_thread([&](int thread) {
#pragma unroll 1
    for (Index i = table.starts[found] + thread; i < stop; i += kThreads) {
      const Index id = table.banned[i];
      if (id >= first && id < end) marks[id - first] = 1;
    }
  });
}

}  // namespace hyperfit::cuda
