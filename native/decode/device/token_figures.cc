#include "decode/device/token_figures.h"

#include <ATen/ops/sort.h>

#include <algorithm>

namespace hyperfit {

bool TokenFigures::are_asked(const GrowingRows& rows) {
  return rows.any([](const GenerateOptions& options) { return options.token_stats; });
}

int64_t TokenFigures::most_asked(const GrowingRows& rows) {
  int64_t most = 0;
  for (int64_t row = 0; row < rows.count(); ++row) {
    if (rows.options_of(row).token_stats) most = std::max(most, rows.options_of(row).top_log_probabilities);
  }
  return std::min(most, rows.vocabulary());
}

TokenFigures::TokenFigures(const at::Tensor& logits, const at::Tensor& best, int64_t most) {
  distances_ = logits.to(at::kDouble).sub_(best.to(at::kDouble).unsqueeze(1));
  log_total_ = distances_.exp().sum(1, /*keepdim=*/true).log_();
  if (most > 0) top_ids_ = std::get<1>(at::sort(logits, /*stable=*/true, /*dim=*/1, /*descending=*/true)).narrow(1, 0, most);
}

at::Tensor TokenFigures::log_probabilities(const at::Tensor& ids) const {
  return distances_.gather(1, ids.unsqueeze(1)).sub_(log_total_).squeeze(1).to(at::kFloat);
}

at::Tensor TokenFigures::entropies() const {
  const at::Tensor weights = distances_.exp();
  const at::Tensor mean_distance = weights.mul(distances_).sum(1).div_(weights.sum(1));
  return log_total_.squeeze(1).sub(mean_distance).to(at::kFloat);
}

at::Tensor TokenFigures::top_log_probabilities() const { return distances_.gather(1, top_ids_).sub_(log_total_).to(at::kFloat); }

}  // namespace hyperfit
