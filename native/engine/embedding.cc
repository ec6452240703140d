#include "engine/embedding.h"

#include <ATen/ops/index_select.h>

namespace hyperfit {

void Embedding::forward(at::Tensor& x, const at::Tensor& tokens) const {
  at::index_select_out(x, weight->value, 0, tokens);
  if (scale != 1) x.mul_(scale);
}

void Embedding::backward(const at::Tensor& dx, const at::Tensor& tokens) const {
  at::Tensor& gradient = weight->gradient;
  if (padding_index < 0) {
    gradient.index_add_(0, tokens, dx, scale);
    return;
  }
  // Of a tied head that row keeps what its product wrote.
  const at::Tensor row = gradient.select(0, padding_index), kept = row.clone();
  gradient.index_add_(0, tokens, dx, scale);
  row.copy_(kept);
}

void PositionEmbedding::forward(at::Tensor& x, int64_t sequence) const {
  if (weight) x.view({-1, sequence, x.size(1)}).add_(weight->value.narrow(0, 0, sequence));
}

void PositionEmbedding::forward_at(at::Tensor& x, const at::Tensor& positions) const {
  if (weight) x.add_(weight->value.index_select(0, positions));
}

void PositionEmbedding::backward(const at::Tensor& dx, int64_t sequence, double beta) const {
  if (!weight) return;
  if (beta == 0) weight->gradient.zero_();
  weight->gradient.narrow(0, 0, sequence).add_(dx.view({-1, sequence, dx.size(1)}).sum(0));
}

}  // namespace hyperfit
