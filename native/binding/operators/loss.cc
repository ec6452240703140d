#include <ATen/ops/empty.h>

#include <tuple>

#include "binding/operators/operators.h"

namespace hyperfit::binding {
namespace {

void check_targets(const at::Tensor& targets, const at::Tensor& logits) {
  check_computes(logits, 2);
  TORCH_CHECK(logits.numel() > 0, "expected logits [rows, vocabulary], got ", logits.sizes());
  check_integers(targets, logits.size(0), kIgnoreIndex, logits.size(1), logits);
}

std::tuple<at::Tensor, at::Tensor> cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  check_targets(targets, logits);
  at::Tensor gradient = logits.clone();
  at::Tensor loss = at::empty({}, logits.options().dtype(at::kDouble));
  select_ops(logits.device()).cross_entropy(gradient, targets, loss);
  return {gradient, loss};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> token_stats(const at::Tensor& logits, const at::Tensor& targets) {
  check_targets(targets, logits);
  const TokenStats stats = select_ops(logits.device()).token_stats(logits, targets);
  return {stats.loss, stats.entropy, stats.top_mass, stats.top1_ids};
}

}  // namespace

void define_loss(torch::Library& library) {
  library.def("cross_entropy(Tensor logits, Tensor targets) -> (Tensor, Tensor)", &cross_entropy);
  library.def("token_stats(Tensor logits, Tensor targets) -> (Tensor, Tensor, Tensor, Tensor)", &token_stats);
}

}  // namespace hyperfit::binding
