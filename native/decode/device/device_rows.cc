#include "decode/device/device_rows.h"

#include <utility>

namespace hyperfit {
namespace {

std::vector<RowStart> starts_of(const std::vector<GenerationRow*>& rows) {
  std::vector<RowStart> starts;
  for (const GenerationRow* row : rows) starts.push_back({row->ids(), row->prompt_length(), &row->options()});
  return starts;
}

}  // namespace

DeviceRows::DeviceRows(Decoder& decoder, KVCache& cache, std::vector<GenerationRow*> rows, int64_t most_steps)
    : decoder_(decoder),
      cache_(cache),
      rows_(std::move(rows)),
      grown_(starts_of(rows_), cache.capacity(), decoder.config().output_vocab_size, decoder.ops(), decoder.options().device()),
      chooser_(grown_, most_steps),
      token_(decoder.options().device(), "a token") {}

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

}  // namespace hyperfit
