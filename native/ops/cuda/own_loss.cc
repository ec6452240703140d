#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>

#include <limits>

#include "ops/arena.h"
#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {
namespace {

bool takes(const char* source, const at::Tensor& logits, const at::Tensor& targets) {
  return may_launch_from(source, logits.device()) && is_plain(logits) && targets.is_contiguous() && targets.device() == logits.device() &&
         logits.size(1) <= std::numeric_limits<int>::max();
}

}  // namespace

void cross_entropy(at::Tensor& logits, const at::Tensor& targets, at::Tensor& loss) {
  if (!takes("cross_entropy", logits, targets)) return libtorch_rows(logits.device()).cross_entropy(logits, targets, loss);
  const Temporaries temporaries;
  const int64_t rows = logits.size(0);
  const at::Tensor losses = temporaries.empty({rows}, logits.options().dtype(at::kFloat));
  const bool done = HYPERFIT_LAUNCH_BY_TYPE("cross_entropy", cross_entropy, logits, blocks_for(rows, 1), data_of(logits), data_of(targets),
                                            data_of(losses), rows, logits.size(1));
  if (!done) return libtorch_rows(logits.device()).cross_entropy(logits, targets, loss);
  // Asked for float64, the sum would make memory of its own for the copy.
  at::sum_out(loss, temporaries.in_type(losses, at::kDouble), at::IntArrayRef{0});
}

TokenStats token_stats(const at::Tensor& logits, const at::Tensor& targets) {
  if (!takes("token_stats", logits, targets)) return libtorch_rows(logits.device()).token_stats(logits, targets);
  const int64_t rows = logits.size(0);
  const at::TensorOptions options = logits.options().dtype(at::kFloat);
  TokenStats stats{at::empty({rows}, options), at::empty({rows}, options), at::empty({rows, 3}, options),
                   at::empty({rows}, options.dtype(at::kLong))};
  const bool done = HYPERFIT_LAUNCH_BY_TYPE("token_stats", token_stats, logits, blocks_for(rows, 1), data_of(logits), data_of(targets),
                                            data_of(stats.loss), data_of(stats.entropy), data_of(stats.top_mass), data_of(stats.top1_ids),
                                            rows, logits.size(1));
  return done ? stats : libtorch_rows(logits.device()).token_stats(logits, targets);
}

}  // namespace hyperfit::cuda::own
