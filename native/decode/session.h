#pragma once
#include <vector>

#include "engine/token_scores.h"

namespace hyperfit {

/// Decoding of some rows, a token at a time, as a backend does it: operation by operation (operators.cc), by threads that walk through all
/// layers together (cpu/parallel_step.cc). Made by `Ops::decode_session` once a batch; decoder and cache must outlive it.
class DecodeSession {
 public:
  virtual ~DecodeSession() = default;
  /// One token a row, each at its own position; rows do not affect each other. Waits for the scores, which the next step overwrites.
  virtual TokenScores step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) = 0;
};

}  // namespace hyperfit
