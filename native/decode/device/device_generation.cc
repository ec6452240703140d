#include "decode/device/device_generation.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace hyperfit {
namespace {

std::vector<GenerationRow*> all_of(std::vector<GenerationRow>& rows) {
  std::vector<GenerationRow*> all;
  for (GenerationRow& row : rows) all.push_back(&row);
  return all;
}

}  // namespace

DeviceGeneration::DeviceGeneration(Decoder& decoder, KVCache& cache, KeptRows& kept, const Prompts& prompts,
                                   std::vector<GenerationRow>& rows)
    : decoder_(decoder), cache_(cache), prompts_(prompts), rows_(rows), there_(kept.take(all_of(rows), kTokensARead)) {}

void DeviceGeneration::run(const StopSignals& stop, const TokenListener& listener) {
  while (any_active(rows_)) {
    const int64_t count = std::min(listener ? 1 : kTokensARead, rows_.front().options().max_new_tokens - done_);
    there_.begin(count);
    for (int64_t step = 0; step < count; ++step) queue_token(stop);
    hand_out(there_.read(count), listener);
    if (end_stopped_rows(rows_, stop)) there_.end_rows();
  }
}

void DeviceGeneration::queue_token(const StopSignals& stop) {
  stop.throw_if_cancelled();
  if (done_ == 0) {
    there_.queue(read_prompts(stop));
  } else {
    there_.queue(longest(prompts_) + done_);
  }
  ++done_;
}

at::Tensor DeviceGeneration::read_prompts(const StopSignals& stop) {
  const auto count = static_cast<int64_t>(rows_.size());
  at::Tensor all;
  hyperfit::read_prompts(decoder_, cache_, prompts_, stop, [&](int64_t first, const at::Tensor& logits) {
    if (logits.size(0) == count) {
      all = logits;
      return;
    }
    if (!all.defined()) all = at::empty({count, logits.size(1)}, logits.options());
    all.narrow(0, first, logits.size(0)).copy_(logits);
  });
  return all;
}

void DeviceGeneration::hand_out(const ChosenTokens& chosen, const TokenListener& listener) {
  const int64_t steps = chosen.ids.size(0), count = chosen.ids.size(1);
  for (int64_t step = 0; step < steps; ++step) {
    for (int64_t row = 0; row < count; ++row) chosen.hand_to(rows_[row], step, row);
    for (int64_t row = 0; listener && row < count; ++row) {
      if (chosen.gave(step, row)) listener(row, rows_[row].last_token(), rows_[row].last_log_probability());
    }
  }
  for (int64_t row = 0; row < count; ++row) chosen.count_interventions(rows_[row], row);
}

}  // namespace hyperfit
