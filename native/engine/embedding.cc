#include "engine/embedding.h"

#include <ATen/ops/index_select.h>

namespace hyperfit {

void Embedding::forward(at::Tensor& x, const at::Tensor& tokens) const {
  at::index_select_out(x, weight->value, 0, tokens);
}

void Embedding::backward(const at::Tensor& dx, const at::Tensor& tokens) const {
  weight->gradient.index_add_(0, tokens, dx);
}

}  // namespace hyperfit
