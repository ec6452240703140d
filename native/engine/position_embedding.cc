#include <ATen/ops/index_select.h>
#include <ATen/ops/sum.h>

#include "engine/embedding.h"
#include "ops/arena.h"

namespace hyperfit {

void PositionEmbedding::forward(at::Tensor& x, int64_t sequence) const {
  if (weight) x.view({-1, sequence, x.size(1)}).add_(weight->forward.narrow(0, 0, sequence));
}

void PositionEmbedding::forward_at(at::Tensor& x, const at::Tensor& positions) const {
  if (!weight) return;
  const Temporaries temporaries;
  at::Tensor rows = temporaries.empty(x.sizes(), weight->forward.options());
  at::index_select_out(rows, weight->forward, 0, positions);
  x.add_(rows);
}

void PositionEmbedding::backward(const at::Tensor& dx, int64_t sequence, double beta) const {
  if (!weight || !weight->trained) return;
  if (beta == 0) weight->gradient.zero_();
  const Temporaries temporaries;
  at::Tensor sums = temporaries.empty({sequence, dx.size(1)}, dx.options());
  at::sum_out(sums, dx.view({-1, sequence, dx.size(1)}), at::IntArrayRef{0});
  weight->gradient.narrow(0, 0, sequence).add_(sums);
}

}  // namespace hyperfit
