#include "decode/device/growing_rows.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace hyperfit {

GrowingRows::GrowingRows(const std::vector<std::vector<int32_t>>& prompts, int64_t capacity, int64_t vocabulary, const std::vector<int32_t>& stop_ids,
                         RowMemory memory, const Ops& ops, at::Device device)
    : ops_(ops), capacity_(capacity), vocabulary_(vocabulary), upload_(ops) {
  const auto count = static_cast<int64_t>(prompts.size());
  tokens_ = at::zeros({count}, at::TensorOptions().dtype(at::kLong).device(device));
  active_ = at::ones({count}, options(at::kBool));
  take_prompts(prompts, memory);
  positions_ = prompt_lengths_.sub(1);
  if (!stop_ids.empty()) stop_mask_ = mask_of(stop_ids);
}

// Behind a prompt stands an id that no head predicts, as do the ids of a prompt that the head does not know.
void GrowingRows::take_prompts(const std::vector<std::vector<int32_t>>& prompts, RowMemory memory) {
  std::vector<int64_t> lengths;
  for (const std::vector<int32_t>& prompt : prompts) lengths.push_back(static_cast<int64_t>(prompt.size()));
  const bool needs_ids = memory.history || memory.seen;
  const int64_t longest = needs_ids ? *std::max_element(lengths.begin(), lengths.end()) : 0;
  at::Tensor ids = at::full({count(), longest}, vocabulary_, at::kLong);
  for (int64_t row = 0; needs_ids && row < count(); ++row) std::copy(prompts[row].begin(), prompts[row].end(), ids.data_ptr<int64_t>() + row * longest);
  const std::vector<at::Tensor> there = upload_({at::tensor(lengths, at::kLong), ids}, tokens_.device());
  prompt_lengths_ = there[0].clone();
  if (memory.history) {
    history_ = at::zeros({count(), capacity_ + 1}, options(at::kLong));
    history_.narrow(1, 0, longest).copy_(there[1]);
  }
  if (!memory.seen) return;
  seen_ = at::zeros({count(), vocabulary_ + 1}, options(at::kBool));
  seen_.scatter_(1, there[1].clamp_max(vocabulary_), true);
}

at::Tensor GrowingRows::mask_of(const std::vector<int32_t>& ids) const {
  at::Tensor mask = at::zeros({vocabulary_}, at::kBool);
  for (int32_t id : ids) {
    if (id >= 0 && id < vocabulary_) mask.data_ptr<bool>()[id] = true;
  }
  return mask.to(tokens_.device());
}

at::Tensor GrowingRows::append(const at::Tensor& ids, const at::Tensor& may) {
  const at::Tensor grows = active_.logical_and(may);
  positions_.add_(grows);
  tokens_.copy_(at::where(grows, ids, tokens_));
  if (history_.defined()) history_.scatter_(1, at::where(grows, positions_, capacity_).unsqueeze(1), ids.unsqueeze(1));
  if (seen_.defined()) seen_.scatter_(1, at::where(grows, ids, vocabulary_).unsqueeze(1), true);
  active_.copy_(stop_mask_.defined() ? grows.logical_and(stop_mask_.index_select(0, ids).logical_not_()) : grows);
  return grows;
}

void GrowingRows::keep(const std::vector<bool>& flags) {
  const at::Tensor numbers = at::tensor(std::vector<int64_t>(flags.begin(), flags.end()), at::kLong);
  active_.logical_and_(upload_({numbers}, tokens_.device()).front());
}

}  // namespace hyperfit
