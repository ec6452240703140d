#include "decode/device/token_chooser.h"

#include <ATen/ops/zeros.h>

#include <cstring>

#include "decode/device/token_figures.h"

namespace hyperfit {

TokenChooser::TokenChooser(const GrowingRows& rows, int64_t most_steps)
    : has_figures_(TokenFigures::are_asked(rows)),
      draws_(rows.any_draws()),
      top_(TokenFigures::most_asked(rows)),
      upload_(rows.ops()),
      record_(rows, most_steps) {
  if (KernelChoice::serves(rows.ops())) kernels_.emplace(rows);
}

// The numbers cross as the bits of integers, which is what an upload takes; always as many, so that they stand where they stood.
void TokenChooser::begin(const std::vector<double>& uniform) {
  record_.begin();
  if (!draws_) return;
  at::Tensor bits = at::zeros({record_.most_steps(), record_.rows()}, at::kLong);
  std::memcpy(bits.data_ptr<int64_t>(), uniform.data(), uniform.size() * sizeof(double));
  uniform_ = upload_({bits}, record_.steps().device()).front().view(at::kDouble);
}

void TokenChooser::choose(const at::Tensor& logits, GrowingRows& rows) {
  if (kernels_ && !has_figures_ && kernels_->choose(logits, rows, record_, uniform_, /*ends_step=*/true)) return;
  const BestTokens best = BestTokens::of(logits);
  std::optional<TokenFigures> figures;
  if (has_figures_) figures.emplace(logits, best.scores, top_);
  // The last token of a row that stands may be one that the head does not predict.
  const bool done = kernels_ && has_figures_ && kernels_->choose(logits, rows, record_, uniform_, /*ends_step=*/false);
  const at::Tensor ids = done ? rows.tokens().clamp_max(rows.vocabulary() - 1) : choose_by_operators(logits, best, rows);
  if (figures) record_.put_figures(figures->log_probabilities(ids), figures->entropies());
  if (top_ > 0) record_.put_top(figures->top_ids(), figures->top_log_probabilities());
  record_.end_step();
}

at::Tensor TokenChooser::choose_by_operators(const at::Tensor& logits, const BestTokens& best, GrowingRows& rows) {
  if (!operators_) operators_.emplace(rows);
  return operators_->choose(logits, best, rows, record_, uniform_);
}

}  // namespace hyperfit
