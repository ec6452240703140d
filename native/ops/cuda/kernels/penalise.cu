// The repetition penalty, of the logits of tokens that a row holds already. Source: Keskar et al. 2019 (arXiv 1909.05858), as transformers has it.
#include "numbers.h"

namespace hyperfit::cuda {

HYPERFIT_KERNEL(penalise, float* logits, const float* penalties, const unsigned char* seen, Index seen_step, Index rows, Index size) {
  constexpr Index kPart = kThreads * 4;
  const Index parts = (size + kPart - 1) / kPart;
  for (Index block = block_index(); block < rows * parts; block += block_count()) {
    const Index row = block / parts, start = block % parts * kPart, end = start + kPart < size ? start + kPart : size;
    const float penalty = penalties[row];
    each_thread([&](int thread) {
      for (Index i = start + thread; i < end; i += kThreads) {
        if (seen[row * seen_step + i] == 0) continue;
        float& logit = logits[row * size + i];
        logit = logit < 0 ? logit * penalty : logit / penalty;
      }
    });
  }
}

}  // namespace hyperfit::cuda
