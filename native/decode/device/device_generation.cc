#include "decode/device/device_generation.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace hyperfit {

bool DeviceGeneration::serves(const Decoder& decoder, const GenerateOptions& options) {
  return is_queued(decoder.options().device()) && !options.logits_hook && options.top_log_probabilities == 0;
}

DeviceGeneration::DeviceGeneration(Decoder& decoder, KVCache& cache, const Prompts& prompts, const GenerateOptions& options)
    : decoder_(decoder),
      cache_(cache),
      prompts_(prompts),
      options_(options),
      grown_(prompts, cache.capacity(), decoder.config().output_vocab_size, options.stop_ids, TokenChooser::memory_for(options), decoder.ops(),
             decoder.options().device()),
      chooser_(options, grown_) {}

void DeviceGeneration::run(std::vector<GenerationRow>& rows, const StopSignals& stop, const TokenListener& listener) {
  while (any_active(rows)) {
    const int64_t count = std::min(listener ? 1 : ChoiceRecord::kSteps, options_.max_new_tokens - done_);
    queue_steps(count, rows, stop);
    hand_out(chooser_.read(count), rows, listener);
    if (!end_stopped_rows(rows, stop)) continue;
    std::vector<bool> active;
    for (const GenerationRow& row : rows) active.push_back(row.active());
    grown_.keep(active);
  }
}

// A row that has ended draws no more, and nobody reads what would come of it.
void DeviceGeneration::queue_steps(int64_t count, std::vector<GenerationRow>& rows, const StopSignals& stop) {
  std::vector<double> uniform;
  for (int64_t step = 0; options_.sampling.temperature != 0 && step < count; ++step) {
    for (GenerationRow& row : rows) uniform.push_back(row.draw());
  }
  chooser_.begin(uniform);
  for (int64_t step = 0; step < count; ++step) chooser_.choose(next_logits(stop), grown_);
}

at::Tensor DeviceGeneration::next_logits(const StopSignals& stop) {
  stop.throw_if_cancelled();
  const int64_t before = done_++;
  if (before == 0) return read_prompts(stop);
  return decoder_.decode_step(grown_.tokens(), grown_.positions(), cache_.reach(longest(prompts_) + before), cache_);
}

at::Tensor DeviceGeneration::read_prompts(const StopSignals& stop) {
  at::Tensor all;
  hyperfit::read_prompts(decoder_, cache_, prompts_, stop, [&](int64_t first, const at::Tensor& logits) {
    if (logits.size(0) == grown_.count()) {
      all = logits;
      return;
    }
    if (!all.defined()) all = at::empty({grown_.count(), logits.size(1)}, logits.options());
    all.narrow(0, first, logits.size(0)).copy_(logits);
  });
  return all;
}

void DeviceGeneration::hand_out(const ChosenTokens& chosen, std::vector<GenerationRow>& rows, const TokenListener& listener) const {
  const int64_t steps = chosen.ids.size(0), count = chosen.ids.size(1);
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t* ids = chosen.ids.const_data_ptr<int64_t>() + step * count;
    for (int64_t row = 0; row < count; ++row) {
      const int64_t at = step * count + row;
      if (ids[row] == static_cast<int64_t>(NoToken::not_finite)) rows[row].refuse_scores();
      if (ids[row] == static_cast<int64_t>(NoToken::all_banned)) rows[row].end("banned");
      if (ids[row] < 0) continue;
      ChosenToken token{static_cast<int32_t>(ids[row])};
      if (chosen.log_probabilities.defined()) token.stats = {chosen.log_probabilities.const_data_ptr<float>()[at], chosen.entropies.const_data_ptr<float>()[at]};
      rows[row].accept(token);
    }
    for (int64_t row = 0; listener && row < count; ++row) {
      if (ids[row] >= 0) listener(row, rows[row].last_token(), rows[row].last_log_probability());
    }
  }
  for (int64_t row = 0; chosen.interventions.defined() && row < count; ++row) rows[row].count_interventions(chosen.interventions.const_data_ptr<int64_t>()[row]);
}

}  // namespace hyperfit
