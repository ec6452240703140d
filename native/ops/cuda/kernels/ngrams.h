#pragma once
#include "numbers.h"

namespace hyperfit::cuda {

/// Marks the ids from `first` to before `end` that would complete an n-gram which tokens [length] hold from `begin` on: every window of n -
/// 1 tokens is held against the last n - 1.
HYPERFIT_FUNCTION void mark_ngrams(unsigned char* marks, Index first, Index end, const Index* tokens, Index begin, Index length, Index n) {
  const Index prefix = n - 1, last = length - prefix;
  each_thread([&](int thread) {
#pragma unroll 1
    for (Index start = begin + thread; start < last; start += kThreads) {
      Index same = 0;
      while (same < prefix && tokens[start + same] == tokens[last + same]) ++same;
      const Index follower = tokens[start + prefix];
      if (same == prefix && follower >= first && follower < end) marks[follower - first] = 1;
    }
  });
}

}  // namespace hyperfit::cuda
