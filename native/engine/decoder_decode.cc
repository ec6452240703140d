// The two phases of decoding: reading the prompts, then one token a row.
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "engine/decoder.h"

namespace hyperfit {

at::Tensor Decoder::prefill(const TokenBatch& prompts, const at::Tensor& last, int64_t first_row, KVCache& cache,
                            const StopSignals& stop) {
  workspace_.shape(prompts.batch, prompts.sequence, /*keep=*/false);
  run_layers(prompts, stop, [&](int64_t layer, const LayerActivations& a) { cache.store_prompt(layer, first_row, a.k, a.v); });
  at::Tensor rows = at::arange(prompts.batch, last.options()).mul_(prompts.sequence).add_(last);
  return choice_logits(workspace_.scratch().final_x.index_select(0, rows));
}

at::Tensor Decoder::decode_step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions, KVCache& cache) {
  const auto batch = static_cast<int64_t>(tokens.size());
  const int64_t cached = *std::max_element(positions.begin(), positions.end()) + 1;
  const bool together = std::all_of(positions.begin(), positions.end(), [&](int64_t p) { return p == positions[0]; });
  at::Tensor where = at::tensor(positions, at::kLong).to(options_.device());
  const LayerRotations rotations = rotary_.gather(where);

  workspace_.shape(batch, 1, /*keep=*/false);
  embedding_.forward(workspace_.layer(0).x, at::tensor(tokens, at::kLong).to(options_.device()));
  positions_.forward_at(workspace_.layer(0).x, where);
  for (int64_t index = 0; index < config_.num_hidden_layers; ++index) {
    const DecoderLayer& layer = layers_[index];
    LayerActivations& a = workspace_.layer(index);
    project_heads(layer, a, batch, 1, rotations);
    cache.store_token(index, a.k, a.v, where, together ? positions[0] : -1);
    const DecodeSpan span(positions, layer.window);
    attention_.decode(a.attention, a.q, cache.keys(index).narrow(2, 0, cached), cache.values(index).narrow(2, 0, cached), span);
    attention_output(layer, a);
    mlp_forward(layer, a, stream_after(index));
  }
  return choice_logits(workspace_.scratch().final_x);
}

}  // namespace hyperfit
