// Decoding operation by operation, on any device: reading the prompts, then one token a row.
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>

#include "decode/session.h"
#include "engine/decoder.h"
#include "ops/aten/table.h"

namespace hyperfit {
namespace {

class OperatorSession : public DecodeSession {
 public:
  OperatorSession(Decoder& decoder, KVCache& cache) : decoder_(decoder), cache_(cache) {}
  TokenScores step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) override {
    return TokenScores::read(decoder_.decode_step(tokens, positions, cache_));
  }

 private:
  Decoder& decoder_;
  KVCache& cache_;
};

}  // namespace

std::unique_ptr<DecodeSession> aten::decode_session(Decoder& decoder, KVCache& cache, int64_t) {
  return std::make_unique<OperatorSession>(decoder, cache);
}

at::Tensor Decoder::prefill(const TokenBatch& prompts, const at::Tensor& last, int64_t first_row, KVCache& cache,
                            const StopSignals& stop) {
  workspace_.shape(prompts.batch, prompts.sequence);
  const Arena::Use use = use_arena(prompts.batch * prompts.sequence);
  run_layers(prompts, stop, [&](int64_t layer, const LayerActivations& a) { cache.store_prompt(layer, first_row, a.k, a.v); });
  at::Tensor rows = at::arange(prompts.batch, last.options()).mul_(prompts.sequence).add_(last);
  return sampling_logits(workspace_.scratch().final_x.index_select(0, rows));
}

at::Tensor Decoder::prompt_logits(int64_t first, int64_t count) {
  return sampling_logits(workspace_.scratch().final_x.narrow(0, first, count));
}

at::Tensor Decoder::decode_step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions, KVCache& cache) {
  const std::vector<at::Tensor> ids = upload({at::tensor(tokens, at::kLong), at::tensor(positions, at::kLong)});
  const int64_t cached = *std::max_element(positions.begin(), positions.end()) + 1;
  if (is_queued(options_.device())) return decode_step(ids[0], ids[1], cache.reach(cached), cache);  // as where tokens are chosen there
  return decode_rows(ids[0], ids[1], positions, cached, cache);
}

at::Tensor Decoder::decode_rows(const at::Tensor& tokens, const at::Tensor& positions, const std::vector<int64_t>& known, int64_t reach,
                                KVCache& cache) {
  const int64_t batch = tokens.size(0);
  const bool together = !known.empty() && std::all_of(known.begin(), known.end(), [&](int64_t p) { return p == known[0]; });
  const LayerRotations rotations = rotary_.gather(positions);
  std::map<int64_t, DecodeSpan> spans;  // by window

  begin_token(batch);
  const Arena::Use use = use_arena(batch);
  embedding_.forward(workspace_.layer(0).x, tokens);
  positions_.forward_at(workspace_.layer(0).x, positions);
  for (int64_t index = 0; index < config_.num_hidden_layers; ++index) {
    const DecoderLayer& layer = layers_[index];
    LayerActivations& a = workspace_.layer(index);
    if (known.empty()) {
      project_token(layer, a, cache.place(index, positions), rotations);
    } else {
      project_heads(layer, a, batch, 1, rotations);
      cache.store_token(index, a.k, a.v, positions, together ? known[0] : -1);
    }
    DecodeSpan& span = spans.try_emplace(layer.window, known, layer.window).first->second;
    span.positions = positions;
    attention_.decode(a.attention, a.q, cache.keys(index).narrow(2, 0, reach), cache.values(index).narrow(2, 0, reach), span);
    attention_output(layer, a);
    mlp_forward(layer, a, stream_after(index));
  }
  return sampling_logits(workspace_.scratch().final_x);
}

}  // namespace hyperfit
