#include "engine/decoder.h"

#include "ops/select.h"

namespace hyperfit {

namespace {

/// Hugging Face's names of what stands outside the layers, and what the names within layers begin with.
struct ParameterNames {
  std::string embedding, positions, layers, final_norm;
};

ParameterNames parameter_names(WeightLayout layout) {
  if (layout == WeightLayout::fused) return {"transformer.wte.weight", "transformer.wpe.weight", "transformer.h.", "transformer.ln_f"};
  return {"model.embed_tokens.weight", "model.embed_positions.weight", "model.layers.", "model.norm"};
}

}  // namespace

Decoder::Decoder(const ModelConfig& config, const std::vector<ParameterShape>& parameters, at::Device device, at::ScalarType compute_dtype,
                 Activations activations)
    : config_(config),
      ops_(select_ops(device)),
      options_(at::TensorOptions().dtype(at::kFloat).device(device)),
      compute_options_(options_.dtype(compute_dtype)),
      activations_(activations),
      parameters_(parameters, ops_, device, compute_dtype),
      rotary_(config, device),
      attention_(config, ops_),
      workspace_(config, ops_, options_, compute_dtype, activations),
      arena_(ops_, device),
      losses_(ops_),
      upload_(ops_),
      passes_(parameters_.flat_values().device(), "a training pass") {
  const ParameterNames names = parameter_names(config.weight_layout);
  embedding_ = {&ops_, &parameters_.at(names.embedding, {config.vocab_size, config.hidden_size}), config.embedding_scale,
                config.padding_index};
  if (config.learned_positions) positions_.weight = &parameters_.at(names.positions, {config.max_position_embeddings, config.hidden_size});
  final_norm_ = norm(names.final_norm);
  if (config.tie_word_embeddings) {
    head_ = {&ops_, embedding_.weight};
  } else {
    head_ = linear("lm_head", config.output_vocab_size, config.hidden_size, /*bias=*/false);
  }
  for (int64_t index = 0; index < config.num_hidden_layers; ++index) layers_.push_back(make_layer(index));
}

Linear Decoder::linear(const std::string& name, int64_t out, int64_t in, bool bias, bool transposed) {
  Parameter& weight = transposed ? parameters_.at(name + ".weight", {in, out}) : parameters_.at(name + ".weight", {out, in});
  return {&ops_, &weight, bias ? &parameters_.at(name + ".bias", {out}) : nullptr, transposed};
}

Norm Decoder::norm(const std::string& name) {
  const int64_t size = config_.hidden_size;
  Parameter* bias = config_.norm_type == NormType::layer ? &parameters_.at(name + ".bias", {size}) : nullptr;
  return {&ops_, config_.norm_type, &parameters_.at(name + ".weight", {size}), bias, config_.norm_eps, config_.norm_offset ? 1.0 : 0.0};
}

// Of each head by itself, root mean square in every family that has one.
Norm Decoder::head_norm(const std::string& name) {
  return {&ops_,   NormType::rms,    &parameters_.at(name + ".weight", {config_.head_dim}),
          nullptr, config_.norm_eps, config_.norm_offset ? 1.0 : 0.0};
}

DecoderLayer Decoder::make_layer(int64_t index) {
  const std::string prefix = parameter_names(config_.weight_layout).layers + std::to_string(index) + ".";
  DecoderLayer layer = config_.weight_layout == WeightLayout::fused ? make_fused_layer(prefix) : make_separate_layer(prefix);
  layer.rope = config_.layer_ropes[index];
  layer.window = config_.layer_windows[index];
  return layer;
}

DecoderLayer Decoder::make_separate_layer(const std::string& prefix) {
  const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
  const int64_t hidden = config_.hidden_size, queries = config_.query_size(), keys = config_.key_value_size(),
                middle = config_.intermediate_size;
  DecoderLayer layer;
  layer.input_norm = norm(prefix + "input_layernorm");
  layer.mlp_norm = norm(prefix + (config_.post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm"));
  if (config_.post_norms) {
    layer.attention_out_norm = norm(prefix + "post_attention_layernorm");
    layer.mlp_out_norm = norm(prefix + "post_feedforward_layernorm");
  }
  if (config_.qk_norm) {
    layer.q_norm = head_norm(attention + "q_norm");
    layer.k_norm = head_norm(attention + "k_norm");
  }
  layer.q_proj = linear(attention + "q_proj", queries, hidden, config_.qkv_bias);
  layer.k_proj = linear(attention + "k_proj", keys, hidden, config_.qkv_bias);
  layer.v_proj = linear(attention + "v_proj", keys, hidden, config_.qkv_bias);
  layer.o_proj = linear(attention + "o_proj", hidden, queries, config_.output_bias);
  if (config_.gated_mlp) layer.gate_proj = linear(mlp + "gate_proj", middle, hidden, config_.mlp_bias);
  layer.up_proj = linear(mlp + "up_proj", middle, hidden, config_.mlp_bias);
  layer.down_proj = linear(mlp + "down_proj", hidden, middle, config_.mlp_bias);
  return layer;
}

DecoderLayer Decoder::make_fused_layer(const std::string& prefix) {
  constexpr bool kTransposed = true;
  const int64_t hidden = config_.hidden_size, queries = config_.query_size(), keys = config_.key_value_size(),
                middle = config_.intermediate_size;
  DecoderLayer layer;
  layer.input_norm = norm(prefix + "ln_1");
  layer.mlp_norm = norm(prefix + "ln_2");
  layer.qkv_proj = linear(prefix + "attn.c_attn", queries + 2 * keys, hidden, config_.qkv_bias, kTransposed);
  layer.o_proj = linear(prefix + "attn.c_proj", hidden, queries, config_.output_bias, kTransposed);
  layer.up_proj = linear(prefix + "mlp.c_fc", middle, hidden, config_.mlp_bias, kTransposed);
  layer.down_proj = linear(prefix + "mlp.c_proj", hidden, middle, config_.mlp_bias, kTransposed);
  return layer;
}

at::Tensor& Decoder::stream_after(int64_t layer) {
  const bool last = layer + 1 == config_.num_hidden_layers;
  return last ? workspace_.scratch().final_x : workspace_.layer(layer + 1).x;
}

void Decoder::run_layers(const TokenBatch& batch, const StopSignals& stop, const Observer& observe) {
  const LayerRotations rotations = rotary_.range(0, batch.sequence);
  embedding_.forward(workspace_.layer(0).x, batch.tokens);
  positions_.forward(workspace_.layer(0).x, batch.sequence);
  for (int64_t index = 0; index < config_.num_hidden_layers; ++index) {
    stop.throw_if_cancelled();
    LayerActivations& a = workspace_.layer(index);
    project_heads(layers_[index], a, batch.batch, batch.sequence, rotations);
    if (observe) observe(index, a);
    attention_.forward(a.attention, a.q, a.k, a.v, layers_[index].window);
    attention_output(layers_[index], a);
    mlp_forward(layers_[index], a, stream_after(index));
  }
}

at::Tensor Decoder::final_normed(const at::Tensor& x) {
  LayerScratch& s = workspace_.scratch();
  const int64_t rows = x.size(0);  // after reading prompts only those of the last tokens
  at::Tensor normed = s.normed.narrow(0, 0, rows), stats = s.final_stats.view({-1}).narrow(0, 0, 2 * rows).view({2, rows, 1});
  final_norm_.forward(normed, stats, x);
  return normed;
}

// `keep`: a backward follows and wants what the soft cap did.
at::Tensor Decoder::head_forward(const at::Tensor& x, bool keep) {
  return head_logits(final_normed(x), keep);
}

at::Tensor Decoder::head_logits(const at::Tensor& normed, bool keep) {
  const int64_t rows = normed.size(0);
  at::Tensor logits = workspace_.logits(rows);
  head_.forward(logits, normed);
  if (config_.final_softcap > 0) ops_.softcap(logits, config_.final_softcap, keep ? workspace_.logit_ratios(rows) : at::Tensor());
  return logits;
}

at::Tensor Decoder::sampling_logits(const at::Tensor& x) {
  if (compute_options_.dtype() == options_.dtype()) return head_forward(x);
  at::Tensor logits = workspace_.sampling_logits(x.size(0));
  head_.forward_float32(logits, final_normed(x));
  if (config_.final_softcap > 0) ops_.softcap(logits, config_.final_softcap, {});
  return logits;
}

at::Tensor Decoder::forward(const TokenBatch& batch, const StopSignals& stop, std::vector<at::Tensor>* hidden_states) {
  workspace_.shape(batch.batch, batch.sequence);
  const Arena::Use use = use_arena(batch.batch * batch.sequence);
  Observer copy_stream = [&](int64_t, const LayerActivations& a) { hidden_states->push_back(a.x.clone()); };
  run_layers(batch, stop, hidden_states ? copy_stream : nullptr);
  at::Tensor logits = head_forward(workspace_.scratch().final_x);
  if (hidden_states) hidden_states->push_back(workspace_.scratch().normed.to(at::kFloat, false, /*copy=*/true));
  return logits;
}

at::Tensor Decoder::last_hidden_state(const TokenBatch& batch, const StopSignals& stop) {
  workspace_.shape(batch.batch, batch.sequence);
  const Arena::Use use = use_arena(batch.batch * batch.sequence);
  run_layers(batch, stop, nullptr);
  return final_normed(workspace_.scratch().final_x);
}

}  // namespace hyperfit
