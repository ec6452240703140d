#include <ATen/ops/empty.h>

#include "binding/operators/operators.h"

namespace hyperfit::binding {
namespace {

at::Tensor embedding(const at::Tensor& weight, const at::Tensor& tokens, double scale) {
  check_float32(weight, weight.sizes(), weight);
  TORCH_CHECK(weight.dim() == 2, "expected a weight [vocabulary, hidden], got ", weight.sizes());
  check_integers(tokens, tokens.numel(), 0, weight.size(0), weight);
  at::Tensor x = at::empty({tokens.size(0), weight.size(1)}, weight.options());
  select_ops(weight.device()).embedding(x, weight, tokens, scale);
  return x;
}

at::Tensor embedding_backward(const at::Tensor& gradient, const at::Tensor& dx, const at::Tensor& tokens, double scale,
                              int64_t padding_index) {
  check_float32(gradient, gradient.sizes(), gradient);
  TORCH_CHECK(gradient.dim() == 2 && padding_index >= -1 && padding_index < gradient.size(0),
              "expected a gradient [vocabulary, hidden] and a row of it, or -1, got ", gradient.sizes(), " and ", padding_index);
  check_integers(tokens, tokens.numel(), 0, gradient.size(0), gradient);
  TORCH_CHECK(tokens.numel() > 0, "expected at least one token, got none");
  check_float32(dx, {tokens.size(0), gradient.size(1)}, gradient);
  at::Tensor result = gradient.clone();
  select_ops(gradient.device()).embedding_backward(result, dx, tokens, scale, padding_index);
  return result;
}

}  // namespace

void define_embedding(torch::Library& library) {
  library.def("embedding(Tensor weight, Tensor tokens, float scale) -> Tensor", &embedding);
  library.def("embedding_backward(Tensor gradient, Tensor dx, Tensor tokens, float scale, int padding_index) -> Tensor",
              &embedding_backward);
}

}  // namespace hyperfit::binding
