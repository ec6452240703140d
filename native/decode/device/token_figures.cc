#include "decode/device/token_figures.h"

namespace hyperfit {

TokenFigures::TokenFigures(const at::Tensor& logits, const at::Tensor& best) {
  distances_ = logits.to(at::kDouble).sub_(best.to(at::kDouble).unsqueeze(1));
  log_total_ = distances_.exp().sum(1, /*keepdim=*/true).log_();
}

at::Tensor TokenFigures::log_probabilities(const at::Tensor& ids) const {
  return distances_.gather(1, ids.unsqueeze(1)).sub_(log_total_).squeeze(1).to(at::kFloat);
}

at::Tensor TokenFigures::entropies() const {
  const at::Tensor weights = distances_.exp();
  const at::Tensor mean_distance = weights.mul(distances_).sum(1).div_(weights.sum(1));
  return log_total_.squeeze(1).sub(mean_distance).to(at::kFloat);
}

}  // namespace hyperfit
