#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {

void penalise(at::Tensor& logits, const at::Tensor& penalties, const at::Tensor& seen) {
  constexpr int64_t kEach = kThreads * 4;
  const int64_t rows = logits.size(0), size = logits.size(1);
  const bool plain = is_float(logits) && logits.is_contiguous() && is_float(penalties) && penalties.is_contiguous() && penalties.numel() == rows &&
                     seen.scalar_type() == at::kBool && seen.sizes() == logits.sizes() && seen.stride(1) == 1;
  const bool done = plain && HYPERFIT_LAUNCH("penalise", penalise, logits.device(), blocks_for(rows * ((size + kEach - 1) / kEach), 1), data_of(logits),
                                             data_of(penalties), data_of(seen), seen.stride(0), rows, size);
  if (!done) libtorch_rows(logits.device()).penalise(logits, penalties, seen);
}

}  // namespace hyperfit::cuda::own
