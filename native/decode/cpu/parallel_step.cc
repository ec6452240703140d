// Decoding on the CPU: one step is one parallel region, in which workers walk through all layers by the kernels, without tensors in
// between. decode/operators.cc computes the same, operation by operation.
#include <ATen/ops/empty.h>

#include <algorithm>
#include <deque>
#include <map>

#include "decode/cpu/step_layer.h"
#include "decode/cpu/workers.h"
#include "decode/session.h"
#include "engine/decoder.h"
#include "ops/aten/table.h"
#include "ops/cpu/attention/decode_attention.h"
#include "ops/cpu/skinny_gemm/skinny_gemm.h"
#include "ops/cpu/table.h"

namespace hyperfit {
namespace {

using kernels::Worker;
using kernels::Share;

constexpr int64_t kHeadColumns = 3 * ScoreRow::kBlock;  // scores computed before the best of each block is looked for, still in cache

// X is the type that products compute in. Between layers stands the residual stream, float32; products leave float32, which is
// rounded to X only where it enters the next product or the cache.
template <class X>
class ParallelDecodeStep : public DecodeSession {
 public:
  ParallelDecodeStep(Decoder& decoder, const KVCache& cache, int64_t batch);
  TokenScores step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) override;

 private:
  // Memory on the boundaries of cache lines.
  template <class T>
  T* take(int64_t count) {
    return scratch_.emplace_back(at::empty({count}, c10::CppTypeToScalarType<T>::value)).template data_ptr<T>();
  }

  StepInput<X> input(const X* values, int64_t size) const { return {values, lane_transposed_, batch_, size}; }
  StepInput<X> normed() const { return input(normed_, config_.hidden_size); }

  void walk(const Worker& worker);
  void embed(const Worker& worker);
  void normalize(const Worker& worker, const StepNorm& norm, const StepLinear<X>& next);
  void project(const Worker& worker, const StepLayer<X>& layer);
  void apply_rotary(const Worker& worker, const StepLayer<X>& layer);
  void rotate_or_cache_head(const StepLayer<X>& layer, int64_t row, int64_t head);
  void attend(const Worker& worker, const StepLayer<X>& layer);
  void activate(const Worker& worker, const StepLayer<X>& layer);
  void project_branch(const Worker& worker, const StepLinear<X>& linear, const StepInput<X>& input);
  void add_normed_branch(const Worker& worker, const StepNorm& norm);
  void score(const Worker& worker);

  const ModelConfig& config_;
  int64_t batch_, capacity_;
  at::Tensor values_;  // into which pointers below go, should the decoder take others meanwhile
  StepTable embedding_, position_embedding_;
  std::deque<StepLayer<X>> layers_;  // which cannot move
  StepNorm final_norm_;
  StepLinear<X> head_;
  ActivationRow<X> activate_row_;

  std::vector<at::Tensor> scratch_;
  float* x_;                           // [B, hidden] the residual stream
  X* normed_;                          // [B, hidden]
  float* heads_;                       // q, k and v as projected: [B, (H + 2K) D], or [B, H D], [B, K D] and [B, K D] one after the other
  float* q_;                           // [B, H D] rotated
  X* attention_;                       // [B, H D]
  float *gate_, *up_;                  // [B, intermediate]
  X* activation_;                      // [B, intermediate]
  float* lane_transposed_;             // what enters a product, its rows in the lanes
  float* branch_;                      // [B, hidden] what a branch adds to the stream
  float* attention_scratch_;           // one a thread
  at::Tensor logits_, block_best_;     // [B, vocabulary], [B, blocks]

  uint32_t round_ = 0;
  std::vector<int64_t> tokens_, positions_;
  std::map<int64_t, DecodeSpan> spans_;  // by window, of this step
};

template <class X>
ParallelDecodeStep<X>::ParallelDecodeStep(Decoder& decoder, const KVCache& cache, int64_t batch)
    : config_(decoder.config()),
      batch_(batch),
      capacity_(cache.keys(0).size(2)),
      values_(decoder.parameters().flat_values()),
      embedding_(decoder.embedding().weight),
      position_embedding_(decoder.positions().weight),
      final_norm_(decoder.final_norm()),
      head_(decoder.head()),
      activate_row_(activation_row<X>(decoder.config().activation)) {
  const ModelConfig& c = config_;
  const LayerRotations rotations = decoder.rotary().range(0, c.max_position_embeddings);
  for (int64_t index = 0; index < c.num_hidden_layers; ++index) {
    layers_.emplace_back(decoder.layers()[index], rotations, cache.keys(index), cache.values(index));
  }
  x_ = take<float>(batch * c.hidden_size);
  normed_ = take<X>(batch * c.hidden_size);
  heads_ = take<float>(batch * (c.query_size() + 2 * c.key_value_size()));
  q_ = take<float>(batch * c.query_size());
  attention_ = take<X>(batch * c.query_size());
  gate_ = take<float>(batch * c.intermediate_size);
  up_ = take<float>(batch * c.intermediate_size);
  activation_ = take<X>(batch * c.intermediate_size);
  lane_transposed_ = take<float>(kernels::lane_transposed_size(batch, std::max({c.hidden_size, c.query_size(), c.intermediate_size})));
  branch_ = take<float>(batch * c.hidden_size);
  attention_scratch_ = take<float>(at::get_num_threads() * kernels::attention_scratch(capacity_, c.head_dim));
  logits_ = at::empty({batch, head_.out}, at::kFloat);
  block_best_ = at::empty({batch, ScoreRow::blocks(head_.out)}, at::kFloat);
}

template <class X>
TokenScores ParallelDecodeStep<X>::step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) {
  tokens_ = tokens;
  positions_ = positions;
  spans_.clear();
  for (const StepLayer<X>& layer : layers_) spans_.try_emplace(layer.window, positions, layer.window);
  kernels::run_workers(++round_, [this](const Worker& worker) { walk(worker); });
  return {logits_, block_best_};
}

// All barriers of a step. Rows are shared the same way wherever rows are shared, so that a worker need not wait before it goes on with its
// own.
template <class X>
void ParallelDecodeStep<X>::walk(const Worker& worker) {
  auto complete = [&](const StepInput<X>& input) {
    worker.barrier();  // every row of the input
    if (!input.is_lane_transposed()) return;
    input.lane_transpose(worker);
    worker.barrier();  // every lane of it
  };
  auto add_branch = [&](const StepLinear<X>& linear, const StepNorm& norm, const StepInput<X>& input) {
    complete(input);
    project_branch(worker, linear, input);
    worker.barrier();  // every column of the stream, or of the branch, whose rows are normed next
    if (config_.post_norms) add_normed_branch(worker, norm);
  };
  embed(worker);
  for (const StepLayer<X>& layer : layers_) {
    normalize(worker, layer.input_norm, layer.qkv ? layer.qkv : layer.q);
    complete(normed());
    project(worker, layer);
    layer.o.prefetch(worker);
    worker.barrier();  // heads_: a head's columns are several workers'
    apply_rotary(worker, layer);
    worker.barrier();  // q_ and the cache
    attend(worker, layer);
    add_branch(layer.o, layer.attention_out_norm, input(attention_, config_.query_size()));
    normalize(worker, layer.mlp_norm, layer.up);
    complete(normed());
    activate(worker, layer);
    layer.down.prefetch(worker);
    add_branch(layer.down, layer.mlp_out_norm, input(activation_, config_.intermediate_size));
  }
  normalize(worker, final_norm_, head_);
  complete(normed());
  score(worker);
}

template <class X>
void ParallelDecodeStep<X>::embed(const Worker& worker) {
  const int64_t size = config_.hidden_size;
  const auto scale = static_cast<float>(config_.embedding_scale);
  const Share rows = worker.share(batch_);
  for (int64_t b = rows.begin; b < rows.end; ++b) {
    const int64_t token = tokens_[b] * size, position = positions_[b] * size;
    float* to = x_ + b * size;
    for (int64_t i = 0; i < size; ++i) to[i] = embedding_.at(token + i) * scale;
    if (!position_embedding_) continue;
    for (int64_t i = 0; i < size; ++i) to[i] += position_embedding_.at(position + i);
  }
}

template <class X>
void ParallelDecodeStep<X>::normalize(const Worker& worker, const StepNorm& norm, const StepLinear<X>& next) {
  const Share rows = worker.share(batch_);
  for (int64_t b = rows.begin; b < rows.end; ++b)
    norm.apply(normed_ + b * config_.hidden_size, x_ + b * config_.hidden_size, config_.hidden_size);
  next.prefetch(worker);
}

template <class X>
void ParallelDecodeStep<X>::project(const Worker& worker, const StepLayer<X>& layer) {
  if (layer.qkv) {
    layer.qkv.multiply(worker, heads_, normed());
    return;
  }
  float* keys = heads_ + batch_ * config_.query_size();
  layer.q.multiply(worker, heads_, normed());
  layer.k.multiply(worker, keys, normed());
  layer.v.multiply(worker, keys + batch_ * config_.key_value_size(), normed());
}

// Heads of q are rotated, those of k rotated into the cache, those of v put there.
template <class X>
void ParallelDecodeStep<X>::apply_rotary(const Worker& worker, const StepLayer<X>& layer) {
  const int64_t heads = config_.num_attention_heads + 2 * config_.num_key_value_heads;
  const Share share = worker.share(batch_ * heads);
  for (int64_t index = share.begin; index < share.end; ++index) rotate_or_cache_head(layer, index / heads, index % heads);
}

template <class X>
void ParallelDecodeStep<X>::rotate_or_cache_head(const StepLayer<X>& layer, int64_t row, int64_t head) {
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
void ParallelDecodeStep<X>::attend(const Worker& worker, const StepLayer<X>& layer) {
  const ModelConfig& c = config_;
  const DecodeSpan& span = spans_.at(layer.window);
  const int64_t size = c.head_dim, kv = c.num_key_value_heads;
  const kernels::DecodeAttention<X, float> call{attention_, q_, layer.keys, layer.values, kv * capacity_ * size, capacity_ * size,
                                                c.num_attention_heads, kv, size, static_cast<float>(c.query_scale),
                                                static_cast<float>(c.attention_softcap), batch_, span.first.data(), span.last.data()};
  // Heads of one group share their loads; where groups are few, an even split is worth more.
  const bool many = batch_ * kv >= 4 * worker.size();
  const Share share = worker.share(batch_ * c.num_attention_heads, many ? c.group_size() : 1);
  kernels::attend_heads(call, share.begin, share.end, attention_scratch_ + worker.index() * kernels::attention_scratch(capacity_, size));
}

template <class X>
void ParallelDecodeStep<X>::activate(const Worker& worker, const StepLayer<X>& layer) {
  layer.up.share(worker, [&](Share columns) {
    layer.up.multiply(columns, up_, normed());
    if (layer.gate) layer.gate.multiply(columns, gate_, normed());
    for (int64_t b = 0; b < batch_; ++b) {
      const int64_t start = b * config_.intermediate_size + columns.begin;
      const float *gate = layer.gate ? gate_ : up_, *up = layer.gate ? up_ + start : nullptr;
      activate_row_(activation_ + start, gate + start, up, columns.end - columns.begin);
    }
  });
}

// The worker's columns, added to the stream unless a norm of whole rows comes first.
template <class X>
void ParallelDecodeStep<X>::project_branch(const Worker& worker, const StepLinear<X>& linear, const StepInput<X>& input) {
  const int64_t size = config_.hidden_size;
  linear.share(worker, [&](Share columns) {
    linear.multiply(columns, branch_, input);
    if (config_.post_norms) return;
    for (int64_t b = 0; b < batch_; ++b) {
      kernels::add_row(x_ + b * size + columns.begin, branch_ + b * size + columns.begin, columns.end - columns.begin);
    }
  });
}

template <class X>
void ParallelDecodeStep<X>::add_normed_branch(const Worker& worker, const StepNorm& norm) {
  const int64_t size = config_.hidden_size;
  const Share rows = worker.share(batch_);
  for (int64_t b = rows.begin; b < rows.end; ++b) {
    norm.apply(branch_ + b * size, branch_ + b * size, size);
    kernels::add_row(x_ + b * size, branch_ + b * size, size);
  }
}

template <class X>
void ParallelDecodeStep<X>::score(const Worker& worker) {
  float *logits = logits_.template data_ptr<float>(), *best = block_best_.template data_ptr<float>();
  const int64_t vocabulary = head_.out, blocks = block_best_.size(1);
  worker.take_parts(head_.rest, vocabulary, ScoreRow::kBlock, [&](Share columns) {
    for (int64_t first = columns.begin; first < columns.end; first += kHeadColumns) {
      const int64_t last = std::min(columns.end, first + kHeadColumns);
      head_.multiply({first, last}, logits, normed());
      for (int64_t b = 0; b < batch_; ++b) {
        float* scores = logits + b * vocabulary + first;
        if (config_.final_softcap > 0) kernels::softcap_row(scores, static_cast<float>(config_.final_softcap), last - first);
        kernels::best_of_blocks(best + b * blocks + first / ScoreRow::kBlock, scores, last - first, ScoreRow::kBlock);
      }
    }
  });
}

}  // namespace

std::unique_ptr<DecodeSession> cpu::decode_session(Decoder& decoder, KVCache& cache, int64_t batch) {
  if (batch > kernels::kMostSkinnyRows) return aten::decode_session(decoder, cache, batch);
  if (decoder.compute_options().dtype() == at::kFloat) return std::make_unique<ParallelDecodeStep<float>>(decoder, cache, batch);
  return std::make_unique<ParallelDecodeStep<c10::BFloat16>>(decoder, cache, batch);
}

}  // namespace hyperfit
