#include <ATen/ops/sort.h>

#include "ops/arena.h"
#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {

void embedding_backward(at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale, int64_t padding_index) {
  const bool takes = may_launch_from("embedding_backward", dx.device()) && is_float(gradient) && gradient.is_contiguous() && is_float(dx) &&
                     dx.is_contiguous() && tokens.numel() > 0;
  if (!takes) return libtorch_rows(dx.device()).embedding_backward(gradient, dx, tokens, scale, padding_index);
  const Temporaries temporaries;
  at::Tensor sorted = temporaries.like(tokens), order = temporaries.like(tokens);
  at::sort_out(sorted, order, tokens, /*stable=*/std::optional<bool>(true), /*dim=*/0, /*descending=*/false);
  const int64_t rows = tokens.size(0);
  const bool done = HYPERFIT_LAUNCH("embedding_backward", embedding_backward, dx.device(), blocks_for(rows, 1), data_of(gradient),
                                    data_of(dx), data_of(sorted), data_of(order), scale, padding_index, rows, gradient.size(1));
  if (!done) libtorch_rows(dx.device()).embedding_backward(gradient, dx, tokens, scale, padding_index);
}

}  // namespace hyperfit::cuda::own
