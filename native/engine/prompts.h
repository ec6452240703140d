#pragma once
#include <functional>
#include <vector>

#include "engine/decoder.h"

namespace hyperfit {

using Prompts = std::vector<std::vector<int32_t>>;

int64_t longest(const Prompts& prompts);

/// Reads prompts into a cache that has been reset for them, some rows at a time. `use` gets the logits [rows, vocabulary] after the last
/// token of the rows from `first` on, which the next ones overwrite.
void read_prompts(Decoder& decoder, KVCache& cache, const Prompts& prompts, const StopSignals& stop,
                  const std::function<void(int64_t first, const at::Tensor& logits)>& use);

}  // namespace hyperfit
