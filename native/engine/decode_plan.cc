#include "engine/decode_plan.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>

#include "engine/decoder.h"
#include "engine/planned_layer.h"
#include "kernels/decode_attention.h"
#include "kernels/enabled.h"
#include "kernels/few_rows_linear.h"
#include "kernels/team.h"

namespace hyperfit {
namespace {

using kernels::Member;
using kernels::Share;

constexpr int64_t kHeadColumns = 3 * ScoreRow::kBlock;  // scores computed before the best of each block is looked for, still in cache

// X is the type that products compute in. Between layers stands the residual stream, float32; products leave float32, which is
// rounded to X only where it enters the next product or the cache.
template <class X>
class TeamPlan : public DecodePlan {
 public:
  TeamPlan(const DecoderParts& parts, const KVCache& cache, int64_t batch);
  TokenScores step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) override;

 private:
  // Memory on the boundaries of cache lines.
  template <class T>
  T* take(int64_t count) {
    return scratch_.emplace_back(at::empty({count}, c10::CppTypeToScalarType<T>::value)).template data_ptr<T>();
  }

  PlannedInput<X> input(const X* values, int64_t size) const { return {values, across_, batch_, size}; }
  PlannedInput<X> normed() const { return input(normed_, config_.hidden_size); }

  void walk(const Member& member);
  void embed(const Member& member);
  void normalize(const Member& member, const PlannedNorm& norm, const PlannedLinear<X>& next);
  void project(const Member& member, const PlannedLayer<X>& layer);
  void turn(const Member& member, const PlannedLayer<X>& layer);
  void turn_head(const PlannedLayer<X>& layer, int64_t row, int64_t head);
  void attend(const Member& member, const PlannedLayer<X>& layer);
  void activate(const Member& member, const PlannedLayer<X>& layer);
  void add_branch(const Member& member, const PlannedLinear<X>& linear, const PlannedNorm& norm, const PlannedInput<X>& input);
  void score(const Member& member);

  const ModelConfig& config_;
  int64_t batch_, capacity_;
  const float *embedding_, *position_embedding_;
  std::vector<PlannedLayer<X>> layers_;
  PlannedNorm final_norm_;
  PlannedLinear<X> head_;
  ActivationRow<X> activate_row_;

  std::vector<at::Tensor> scratch_;
  float* x_;                           // [B, hidden] the residual stream
  X* normed_;                          // [B, hidden]
  float* heads_;                       // q, k and v as projected: [B, (H + 2K) D], or [B, H D], [B, K D] and [B, K D] one after the other
  float* q_;                           // [B, H D] turned
  X* attention_;                       // [B, H D]
  float *gate_, *up_;                  // [B, intermediate]
  X* activation_;                      // [B, intermediate]
  float* across_;                      // what enters a product, its rows across each other
  float* branch_;                      // [B, hidden] what a branch adds to the stream
  float* attention_scratch_;           // one a thread
  at::Tensor logits_, block_best_;     // [B, vocabulary], [B, blocks]

  std::vector<int64_t> tokens_, positions_;
  std::map<int64_t, DecodeSpan> spans_;  // by window, of this step
};

template <class X>
TeamPlan<X>::TeamPlan(const DecoderParts& parts, const KVCache& cache, int64_t batch)
    : config_(parts.config),
      batch_(batch),
      capacity_(cache.keys(0).size(2)),
      embedding_(parts.embedding.weight->value.template data_ptr<float>()),
      position_embedding_(parts.positions.weight ? parts.positions.weight->value.template data_ptr<float>() : nullptr),
      final_norm_(parts.final_norm),
      head_(parts.head),
      activate_row_(activation_row<X>(parts.config.activation)) {
  const ModelConfig& c = config_;
  const LayerRotations rotations = parts.rotary.range(0, c.max_position_embeddings);
  for (int64_t index = 0; index < c.num_hidden_layers; ++index) {
    layers_.emplace_back(parts.layers[index], rotations, cache.keys(index), cache.values(index));
  }
  x_ = take<float>(batch * c.hidden_size);
  normed_ = take<X>(batch * c.hidden_size);
  heads_ = take<float>(batch * (c.query_size() + 2 * c.key_value_size()));
  q_ = take<float>(batch * c.query_size());
  attention_ = take<X>(batch * c.query_size());
  gate_ = take<float>(batch * c.intermediate_size);
  up_ = take<float>(batch * c.intermediate_size);
  activation_ = take<X>(batch * c.intermediate_size);
  across_ = take<float>(kernels::across_size(batch, std::max({c.hidden_size, c.query_size(), c.intermediate_size})));
  branch_ = take<float>(batch * c.hidden_size);
  attention_scratch_ = take<float>(at::get_num_threads() * kernels::attention_scratch(capacity_, c.head_dim));
  logits_ = at::empty({batch, head_.out}, at::kFloat);
  block_best_ = at::empty({batch, ScoreRow::blocks(head_.out)}, at::kFloat);
}

template <class X>
TokenScores TeamPlan<X>::step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) {
  tokens_ = tokens;
  positions_ = positions;
  spans_.clear();
  for (const PlannedLayer<X>& layer : layers_) spans_.try_emplace(layer.window, positions, layer.window);
  kernels::as_team([this](const Member& member) { walk(member); });
  return {logits_, block_best_};
}

// Rows are shared the same way wherever rows are shared, so that a member need not wait before it goes on with its own.
template <class X>
void TeamPlan<X>::walk(const Member& member) {
  embed(member);
  for (const PlannedLayer<X>& layer : layers_) {
    normalize(member, layer.input_norm, layer.qkv ? layer.qkv : layer.q);
    project(member, layer);
    layer.o.fetch(member);
    member.meet();
    turn(member, layer);
    member.meet();
    attend(member, layer);
    add_branch(member, layer.o, layer.attention_out_norm, input(attention_, config_.query_size()));
    normalize(member, layer.mlp_norm, layer.up);
    activate(member, layer);
    layer.down.fetch(member);
    add_branch(member, layer.down, layer.mlp_out_norm, input(activation_, config_.intermediate_size));
  }
  normalize(member, final_norm_, head_);
  score(member);
}

template <class X>
void TeamPlan<X>::embed(const Member& member) {
  const int64_t size = config_.hidden_size;
  const auto scale = static_cast<float>(config_.embedding_scale);
  const Share rows = member.share(batch_);
  for (int64_t b = rows.begin; b < rows.end; ++b) {
    const float* from = embedding_ + tokens_[b] * size;
    float* to = x_ + b * size;
    for (int64_t i = 0; i < size; ++i) to[i] = from[i] * scale;
    if (position_embedding_) kernels::add_row(to, position_embedding_ + positions_[b] * size, size);
  }
}

template <class X>
void TeamPlan<X>::normalize(const Member& member, const PlannedNorm& norm, const PlannedLinear<X>& next) {
  const Share rows = member.share(batch_);
  for (int64_t b = rows.begin; b < rows.end; ++b) norm.apply(normed_ + b * config_.hidden_size, x_ + b * config_.hidden_size, config_.hidden_size);
  next.fetch(member);
  normed().complete(member);
}

template <class X>
void TeamPlan<X>::project(const Member& member, const PlannedLayer<X>& layer) {
  if (layer.qkv) {
    layer.qkv.multiply(member, heads_, normed());
    return;
  }
  float* keys = heads_ + batch_ * config_.query_size();
  layer.q.multiply(member, heads_, normed());
  layer.k.multiply(member, keys, normed());
  layer.v.multiply(member, keys + batch_ * config_.key_value_size(), normed());
}

// Heads of q are turned, those of k turned into the cache, those of v put there.
template <class X>
void TeamPlan<X>::turn(const Member& member, const PlannedLayer<X>& layer) {
  const int64_t heads = config_.num_attention_heads + 2 * config_.num_key_value_heads;
  const Share share = member.share(batch_ * heads);
  for (int64_t index = share.begin; index < share.end; ++index) turn_head(layer, index / heads, index % heads);
}

template <class X>
void TeamPlan<X>::turn_head(const PlannedLayer<X>& layer, int64_t row, int64_t head) {
  const int64_t size = config_.head_dim, heads = config_.num_attention_heads, kv = config_.num_key_value_heads;
  const int64_t position = positions_[row];
  float* from;
  if (layer.qkv) {
    from = heads_ + (row * (heads + 2 * kv) + head) * size;
  } else if (head < heads) {
    from = heads_ + (row * heads + head) * size;
  } else {
    const int64_t which = (head - heads) / kv, of = (head - heads) % kv;
    from = heads_ + (batch_ * (heads + which * kv) + row * kv + of) * size;
  }
  auto cached = [&](X* cache, int64_t of) { return cache + ((row * kv + of) * capacity_ + position) * size; };
  if (head < heads) {
    layer.q_norm.apply_if_any(from, size);
    layer.rotation.apply(q_ + (row * heads + head) * size, from, position, size);
  } else if (head < heads + kv) {
    layer.k_norm.apply_if_any(from, size);
    layer.rotation.apply(cached(layer.keys, head - heads), from, position, size);
  } else {
    kernels::round_row(cached(layer.values, head - heads - kv), from, size);
  }
}

template <class X>
void TeamPlan<X>::attend(const Member& member, const PlannedLayer<X>& layer) {
  const ModelConfig& c = config_;
  const DecodeSpan& span = spans_.at(layer.window);
  const int64_t size = c.head_dim, kv = c.num_key_value_heads;
  const kernels::DecodeAttention<X, float> call{attention_, q_, layer.keys, layer.values, kv * capacity_ * size, capacity_ * size,
                                                c.num_attention_heads, kv, size, static_cast<float>(c.query_scale),
                                                static_cast<float>(c.attention_softcap), batch_, span.first.data(), span.last.data()};
  // Heads of one group share their loads; where groups are few, an even split is worth more.
  const bool many = batch_ * kv >= 4 * member.size();
  const Share share = member.share(batch_ * c.num_attention_heads, many ? c.group_size() : 1);
  kernels::attend_heads(call, share.begin, share.end, attention_scratch_ + member.index() * kernels::attention_scratch(capacity_, size));
}

template <class X>
void TeamPlan<X>::activate(const Member& member, const PlannedLayer<X>& layer) {
  const Share share = layer.up.multiply(member, up_, normed());
  if (layer.gate) layer.gate.multiply(member, gate_, normed());
  for (int64_t b = 0; b < batch_; ++b) {
    const int64_t start = b * config_.intermediate_size + share.begin;
    const float *gate = layer.gate ? gate_ : up_, *up = layer.gate ? up_ + start : nullptr;
    activate_row_(activation_ + start, gate + start, up, share.end - share.begin);
  }
}

// Ends with every member's rows of the stream complete.
template <class X>
void TeamPlan<X>::add_branch(const Member& member, const PlannedLinear<X>& linear, const PlannedNorm& norm, const PlannedInput<X>& input) {
  const int64_t size = config_.hidden_size;
  input.complete(member);
  const Share columns = linear.multiply(member, branch_, input);
  if (!config_.post_norms) {
    for (int64_t b = 0; b < batch_; ++b) {
      kernels::add_row(x_ + b * size + columns.begin, branch_ + b * size + columns.begin, columns.end - columns.begin);
    }
    return member.meet();
  }
  member.meet();
  const Share rows = member.share(batch_);
  for (int64_t b = rows.begin; b < rows.end; ++b) {
    norm.apply(branch_ + b * size, branch_ + b * size, size);
    kernels::add_row(x_ + b * size, branch_ + b * size, size);
  }
}

template <class X>
void TeamPlan<X>::score(const Member& member) {
  float *logits = logits_.template data_ptr<float>(), *best = block_best_.template data_ptr<float>();
  const int64_t vocabulary = head_.out, blocks = block_best_.size(1);
  const Share share = member.share(vocabulary, ScoreRow::kBlock);
  for (int64_t first = share.begin; first < share.end; first += kHeadColumns) {
    const int64_t last = std::min(share.end, first + kHeadColumns);
    head_.multiply_columns({first, last}, logits, normed());
    for (int64_t b = 0; b < batch_; ++b) {
      float* scores = logits + b * vocabulary + first;
      if (config_.final_softcap > 0) kernels::softcap_row(scores, static_cast<float>(config_.final_softcap), last - first);
      kernels::best_of_blocks(best + b * blocks + first / ScoreRow::kBlock, scores, last - first, ScoreRow::kBlock);
    }
  }
}

}  // namespace

std::unique_ptr<DecodePlan> plan_decoding(const DecoderParts& parts, const KVCache& cache, int64_t batch) {
  if (batch > kernels::kFewRows || !kernels::takes_any(parts.head.weight->compute)) return nullptr;
  if (parts.compute_options.dtype() == at::kFloat) return std::make_unique<TeamPlan<float>>(parts, cache, batch);
  return std::make_unique<TeamPlan<c10::BFloat16>>(parts, cache, batch);
}

}  // namespace hyperfit
