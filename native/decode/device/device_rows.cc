#include "decode/device/device_rows.h"

#include <algorithm>
#include <utility>

namespace hyperfit {
namespace {

std::vector<RowStart> starts_of(const std::vector<GenerationRow*>& rows) {
  std::vector<RowStart> starts;
  for (const GenerationRow* row : rows) starts.push_back({row->ids(), row->prompt_length(), &row->options()});
  return starts;
}

std::vector<ChoiceOptions> options_of(const std::vector<GenerationRow*>& rows) {
  std::vector<ChoiceOptions> options;
  for (const RowStart& start : starts_of(rows)) options.emplace_back(*start.options);
  return options;
}

}  // namespace

DeviceRows::DeviceRows(Decoder& decoder, KVCache& cache, std::vector<GenerationRow*> rows, int64_t most_steps)
    : decoder_(decoder),
      cache_(cache),
      rows_(std::move(rows)),
      options_(options_of(rows_)),
      grown_(starts_of(rows_), cache.capacity(), decoder.config().output_vocab_size, decoder.ops(), decoder.options().device()),
      chooser_(grown_, most_steps),
      token_(decoder.options().device(), "a token") {}

bool DeviceRows::fit(const std::vector<GenerationRow*>& rows, int64_t most_steps) const {
  if (static_cast<int64_t>(rows.size()) != grown_.count() || cache_.capacity() != grown_.capacity() || most_steps != this->most_steps())
    return false;
  const std::vector<RowStart> starts = starts_of(rows);
  return std::equal(starts.begin(), starts.end(), options_.begin(),
                    [](const RowStart& start, const ChoiceOptions& own) { return own.are(*start.options); });
}

void DeviceRows::take(std::vector<GenerationRow*> rows) {
  rows_ = std::move(rows);
  grown_.begin(starts_of(rows_));
  chooser_.begin(grown_);
}

// A row that has ended draws no more, and nobody reads what would come of it.
void DeviceRows::begin(int64_t steps) {
  std::vector<double> uniform;
  for (int64_t step = 0; step < steps; ++step) {
    for (GenerationRow* row : rows_) uniform.push_back(row->options().sampling.temperature != 0 ? row->draw() : 0);
  }
  chooser_.begin(uniform);
}

void DeviceRows::queue(int64_t positions) {
  const int64_t reach = cache_.reach(positions);
  decoder_.begin_token(grown_.count());
  token_.queue({reach}, [&] {
    queue(decoder_.decode_step(grown_.tokens(), grown_.positions(), reach, cache_));
    return grown_.tokens();
  });
}

void DeviceRows::end_rows() {
  std::vector<bool> active;
  for (const GenerationRow* row : rows_) active.push_back(row->active());
  grown_.keep(active);
}

DeviceRows& KeptRows::take(std::vector<GenerationRow*> rows, int64_t most_steps) {
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const auto& kept) { return kept->fit(rows, most_steps); });
  if (found != kept_.end()) {
    std::rotate(found, found + 1, kept_.end());
    kept_.back()->take(std::move(rows));
    return *kept_.back();
  }
  if (kept_.size() == most_) kept_.erase(kept_.begin());
  kept_.push_back(std::make_unique<DeviceRows>(decoder_, cache_, std::move(rows), most_steps));
  return *kept_.back();
}

}  // namespace hyperfit
