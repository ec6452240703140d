#include "engine/prompts.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace hyperfit {

int64_t longest(const Prompts& prompts) {
  size_t result = 0;
  for (const auto& prompt : prompts) result = std::max(result, prompt.size());
  return static_cast<int64_t>(result);
}

namespace {

constexpr int64_t kPrefillTokens = 4096;  // prompt tokens read in one go: bounds the workspace, not the batch

// Prompts [first, first + count) right-padded with 0 to their longest; causal attention never looks at the padding.
TokenBatch padded(const Prompts& prompts, int64_t first, int64_t count, Decoder& decoder, at::Tensor& last) {
  const Prompts rows(prompts.begin() + first, prompts.begin() + first + count);
  const int64_t length = longest(rows);
  at::Tensor tokens = at::zeros({count, length}, at::kLong);
  last = at::zeros({count}, at::kLong);
  for (int64_t row = 0; row < count; ++row) {
    const auto size = static_cast<int64_t>(rows[row].size());
    tokens.select(0, row).narrow(0, 0, size).copy_(at::tensor(rows[row], at::kLong));
    last.data_ptr<int64_t>()[row] = size - 1;
  }
  const std::vector<at::Tensor> ids = decoder.upload({tokens.view({-1}), last});
  last = ids[1];
  return {ids[0], count, length};
}

}  // namespace

void read_prompts(Decoder& decoder, KVCache& cache, const Prompts& prompts, const StopSignals& stop,
                  const std::function<void(int64_t first, const at::Tensor& logits)>& use) {
  const int64_t at_once = std::max<int64_t>(1, kPrefillTokens / longest(prompts));
  const auto total = static_cast<int64_t>(prompts.size());
  for (int64_t first = 0; first < total; first += at_once) {
    at::Tensor last;
    const TokenBatch batch = padded(prompts, first, std::min(at_once, total - first), decoder, last);
    use(first, decoder.prefill(batch, last, first, cache, stop));
  }
}

}  // namespace hyperfit
