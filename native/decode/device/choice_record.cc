#include "decode/device/choice_record.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "decode/device/token_figures.h"

namespace hyperfit {

void ChosenTokens::hand_to(GenerationRow& row, int64_t step, int64_t index) const {
  const int64_t at = step * ids.size(1) + index, id = ids.const_data_ptr<int64_t>()[at];
  if (id == static_cast<int64_t>(NoToken::not_finite)) row.refuse_scores();
  if (id == static_cast<int64_t>(NoToken::all_banned)) row.end("banned");
  if (id < 0) return;
  ChosenToken token{static_cast<int32_t>(id)};
  if (log_probabilities.defined()) token.stats = {log_probabilities.const_data_ptr<float>()[at], entropies.const_data_ptr<float>()[at]};
  std::vector<int32_t> top;
  if (const int64_t count = top_ids.defined() ? std::min(top_ids.size(2), row.options().top_log_probabilities) : 0; count > 0) {
    const int64_t* const first = top_ids.const_data_ptr<int64_t>() + at * top_ids.size(2);
    top.assign(first, first + count);
    token.top_log_probabilities = {top_log_probabilities.const_data_ptr<float>() + at * top_ids.size(2), static_cast<size_t>(count)};
  }
  token.top_ids = top;
  row.accept(token);
}

ChoiceRecord::ChoiceRecord(const GrowingRows& rows, int64_t most_steps) {
  const auto zeros = [&](std::vector<int64_t> sizes, at::ScalarType type) { return at::zeros(sizes, rows.tensor_options(type)); };
  const int64_t count = rows.count(), top = TokenFigures::most_asked(rows);
  steps_ = zeros({count}, at::kLong);
  ids_ = zeros({most_steps, count}, at::kLong);
  if (rows.any([](const GenerateOptions& options) { return options.citation_index != nullptr; }))
    interventions_ = zeros({count}, at::kLong);
  if (!TokenFigures::are_asked(rows)) return;
  log_probabilities_ = zeros({most_steps, count}, at::kFloat);
  entropies_ = zeros({most_steps, count}, at::kFloat);
  if (top == 0) return;
  top_ids_ = zeros({most_steps, count, top}, at::kLong);
  top_log_probabilities_ = zeros({most_steps, count, top}, at::kFloat);
}

void ChoiceRecord::begin() {
  steps_.zero_();
  if (interventions_.defined()) interventions_.zero_();
}

void ChoiceRecord::put_figures(const at::Tensor& log_probabilities, const at::Tensor& entropies) {
  put(log_probabilities_, log_probabilities);
  put(entropies_, entropies);
}

void ChoiceRecord::put_top(const at::Tensor& ids, const at::Tensor& log_probabilities) {
  put(top_ids_, ids);
  put(top_log_probabilities_, log_probabilities);
}

ChosenTokens ChoiceRecord::read(int64_t steps) const {
  ChosenTokens chosen{ids_, log_probabilities_, entropies_, top_ids_, top_log_probabilities_, interventions_};
  std::vector<at::Tensor*> asked;
  std::vector<at::Tensor> columns;
  for (at::Tensor* column :
       {&chosen.ids, &chosen.log_probabilities, &chosen.entropies, &chosen.top_ids, &chosen.top_log_probabilities, &chosen.interventions}) {
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
