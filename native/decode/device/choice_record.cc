#include "decode/device/choice_record.h"

#include <ATen/ops/zeros.h>

namespace hyperfit {

ChoiceRecord::ChoiceRecord(const GenerateOptions& options, const GrowingRows& rows) {
  const int64_t count = rows.count();
  step_ = at::zeros({1}, rows.options(at::kLong));
  ids_ = at::zeros({kSteps, count}, rows.options(at::kLong));
  if (options.citation_index) interventions_ = at::zeros({count}, rows.options(at::kLong));
  if (!options.token_stats) return;
  log_probabilities_ = at::zeros({kSteps, count}, rows.options(at::kFloat));
  entropies_ = at::zeros({kSteps, count}, rows.options(at::kFloat));
}

void ChoiceRecord::put_figures(const at::Tensor& log_probabilities, const at::Tensor& entropies) {
  put(log_probabilities_, log_probabilities);
  put(entropies_, entropies);
}

ChosenTokens ChoiceRecord::read(int64_t steps) const {
  ChosenTokens chosen{ids_, log_probabilities_, entropies_, interventions_};
  std::vector<at::Tensor*> asked;
  std::vector<at::Tensor> columns;
  for (at::Tensor* column : {&chosen.ids, &chosen.log_probabilities, &chosen.entropies, &chosen.interventions}) {
    if (!column->defined()) continue;
    asked.push_back(column);
    columns.push_back(column == &chosen.interventions ? *column : column->narrow(0, 0, steps));
  }
  Download download(std::move(columns));
  const std::vector<at::Tensor>& host = download.wait();
  for (size_t index = 0; index < asked.size(); ++index) *asked[index] = host[index];
  return chosen;
}

}  // namespace hyperfit
