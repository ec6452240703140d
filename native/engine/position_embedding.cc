#include <ATen/ops/index_select.h>

#include "engine/embedding.h"

namespace hyperfit {

void PositionEmbedding::forward(at::Tensor& x, int64_t sequence) const {
  if (weight) x.view({-1, sequence, x.size(1)}).add_(weight->forward.narrow(0, 0, sequence));
}

void PositionEmbedding::forward_at(at::Tensor& x, const at::Tensor& positions) const {
  if (weight) x.add_(weight->forward.index_select(0, positions));
}

void PositionEmbedding::backward(const at::Tensor& dx, int64_t sequence, double beta) const {
  if (!weight || !weight->trained) return;
  if (beta == 0) weight->gradient.zero_();
  weight->gradient.narrow(0, 0, sequence).add_(dx.view({-1, sequence, dx.size(1)}).sum(0));
}

}  // namespace hyperfit
