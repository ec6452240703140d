#include "engine/decoder.h"

#include "engine/swiglu.h"

namespace hyperfit {

Decoder::Decoder(const ModelConfig& config, at::Device device)
    : config_(config),
      options_(at::TensorOptions().dtype(at::kFloat).device(device)),
      parameters_(config, device),
      rotary_(config, device),
      attention_(config),
      workspace_(config, options_) {
  embedding_.weight = &parameters_.at("model.embed_tokens.weight");
  final_norm_ = {&parameters_.at("model.norm.weight"), config.norm_eps};
  head_.weight = config.tie_word_embeddings ? embedding_.weight : &parameters_.at("lm_head.weight");
  for (int64_t index = 0; index < config.num_hidden_layers; ++index) layers_.push_back(make_layer(index));
}

Linear Decoder::linear(const std::string& name, bool bias) {
  return {&parameters_.at(name + ".weight"), bias ? &parameters_.at(name + ".bias") : nullptr};
}

DecoderLayer Decoder::make_layer(int64_t index) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  auto attention = [&](const char* name) { return linear(prefix + "self_attn." + name, config_.qkv_bias); };
  auto mlp = [&](const char* name) { return linear(prefix + "mlp." + name, config_.mlp_bias); };
  auto norm = [&](const char* name) { return RmsNorm{&parameters_.at(prefix + name), config_.norm_eps}; };
  return {norm("input_layernorm.weight"), norm("post_attention_layernorm.weight"),
          attention("q_proj"), attention("k_proj"), attention("v_proj"), attention("o_proj"),
          mlp("gate_proj"), mlp("up_proj"), mlp("down_proj")};
}

// a.x -> normed -> q, k, v by head, q and k turned.
void Decoder::project_heads(const DecoderLayer& layer, LayerActivations& a, int64_t batch, int64_t sequence,
                            const at::Tensor& cos, const at::Tensor& sin) {
  Scratch& s = workspace_.scratch();
  const int64_t size = config_.head_dim;
  auto by_head = [&](const at::Tensor& rows, int64_t heads) { return rows.view({batch, sequence, heads, size}).transpose(1, 2); };
  layer.input_norm.forward(s.normed, a.attention_rstd, a.x);
  layer.q_proj.forward(s.query_rows, s.normed);
  rotate(a.q, by_head(s.query_rows, config_.num_attention_heads), cos, sin);
  layer.k_proj.forward(s.key_value_rows, s.normed);
  rotate(a.k, by_head(s.key_value_rows, config_.num_key_value_heads), cos, sin);
  layer.v_proj.forward(s.key_value_rows, s.normed);
  a.v.copy_(by_head(s.key_value_rows, config_.num_key_value_heads));
}

void Decoder::attention_forward(const DecoderLayer& layer, LayerActivations& a) {
  attention_.forward(a.attention, a.q, a.k, a.v);
  layer.o_proj.forward_residual(a.middle, a.x, a.attention);
}

void Decoder::mlp_forward(const DecoderLayer& layer, LayerActivations& a, at::Tensor& next_x) {
  Scratch& s = workspace_.scratch();
  layer.mlp_norm.forward(s.normed, a.mlp_rstd, a.middle);
  layer.gate_proj.forward(a.gate, s.normed);
  layer.up_proj.forward(a.up, s.normed);
  swiglu_forward(s.activation, a.gate, a.up);
  layer.down_proj.forward_residual(next_x, a.middle, s.activation);
}

at::Tensor& Decoder::stream_after(int64_t layer) {
  const bool last = layer + 1 == config_.num_hidden_layers;
  return last ? workspace_.scratch().final_x : workspace_.layer(layer + 1).x;
}

void Decoder::run_layers(const TokenBatch& batch, const StopSignals& stop, const Observer& observe) {
  auto [cos, sin] = rotary_.range(0, batch.sequence);
  embedding_.forward(workspace_.layer(0).x, batch.tokens);
  for (int64_t index = 0; index < config_.num_hidden_layers; ++index) {
    stop.throw_if_cancelled();
    LayerActivations& a = workspace_.layer(index);
    project_heads(layers_[index], a, batch.batch, batch.sequence, cos, sin);
    if (observe) observe(index, a);
    attention_forward(layers_[index], a);
    mlp_forward(layers_[index], a, stream_after(index));
  }
}

at::Tensor Decoder::head_forward(const at::Tensor& x) {
  Scratch& s = workspace_.scratch();
  at::Tensor normed = s.normed.narrow(0, 0, x.size(0)), rstd = s.final_rstd.narrow(0, 0, x.size(0));
  final_norm_.forward(normed, rstd, x);
  at::Tensor logits = workspace_.logits(x.size(0));
  head_.forward(logits, normed);
  return logits;
}

at::Tensor Decoder::forward(const TokenBatch& batch, const StopSignals& stop, std::vector<at::Tensor>* hidden_states) {
  workspace_.shape(batch.batch, batch.sequence, /*keep=*/false);
  Observer copy_stream = [&](int64_t, const LayerActivations& a) { hidden_states->push_back(a.x.clone()); };
  run_layers(batch, stop, hidden_states ? copy_stream : nullptr);
  at::Tensor logits = head_forward(workspace_.scratch().final_x);
  if (hidden_states) hidden_states->push_back(workspace_.scratch().normed.clone());
  return logits;
}

LossSum Decoder::forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop) {
  parameters_.require_gradients();
  workspace_.shape(batch.batch, batch.sequence, /*keep=*/true);
  run_layers(batch, stop, nullptr);
  at::Tensor logits = head_forward(workspace_.scratch().final_x);
  LossSum loss = cross_entropy_forward_backward_(logits, targets);
  stop.throw_if_cancelled();
  backward(batch, logits, parameters_.gradient_beta(), stop);
  return loss;
}

// A cancelled backward leaves some gradients written and some not; they stay marked as they were, and the caller of a
// cancelled step throws them away (Model::forward_backward).
void Decoder::backward(const TokenBatch& batch, at::Tensor& dlogits, double beta, const StopSignals& stop) {
  Scratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  head_.backward_parameters(dlogits, s.normed, beta);  // s.normed still holds the head's input
  head_.backward_input(b.dnormed, dlogits, /*accumulate=*/false);
  b.dx.zero_();
  final_norm_.backward(b.dx, b.dnormed, s.final_x, s.final_rstd, s.hidden, beta);
  for (int64_t index = config_.num_hidden_layers - 1; index >= 0; --index) {
    stop.throw_if_cancelled();
    mlp_backward(layers_[index], workspace_.layer(index), beta);
    attention_backward(layers_[index], workspace_.layer(index), beta, batch);
  }
  if (!config_.tie_word_embeddings && beta == 0) embedding_.weight->gradient.zero_();
  embedding_.backward(b.dx, batch.tokens);
  parameters_.mark_gradients_fresh();
}

// b.dx: gradient of the stream after the layer -> gradient of the stream between attention and MLP.
void Decoder::mlp_backward(const DecoderLayer& layer, LayerActivations& a, double beta) {
  Scratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  swiglu_forward(s.activation, a.gate, a.up);
  layer.down_proj.backward_parameters(b.dx, s.activation, beta);
  layer.down_proj.backward_input(b.dactivation, b.dx, /*accumulate=*/false);
  swiglu_backward(b.dgate, b.dup, b.dactivation, a.gate, a.up);

  layer.mlp_norm.recompute(s.normed, a.mlp_rstd, a.middle);
  layer.gate_proj.backward_parameters(b.dgate, s.normed, beta);
  layer.up_proj.backward_parameters(b.dup, s.normed, beta);
  layer.gate_proj.backward_input(b.dnormed, b.dgate, /*accumulate=*/false);
  layer.up_proj.backward_input(b.dnormed, b.dup, /*accumulate=*/true);
  layer.mlp_norm.backward(b.dx, b.dnormed, a.middle, a.mlp_rstd, s.hidden, beta);
}

// b.dx: gradient of the stream between attention and MLP -> gradient of the stream entering the layer.
void Decoder::attention_backward(const DecoderLayer& layer, LayerActivations& a, double beta, const TokenBatch& batch) {
  Scratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  auto [cos, sin] = rotary_.range(0, batch.sequence);
  auto by_head = [&](const at::Tensor& rows, int64_t heads) {
    return rows.view({batch.batch, batch.sequence, heads, config_.head_dim}).transpose(1, 2);
  };
  layer.o_proj.backward_parameters(b.dx, a.attention, beta);
  layer.o_proj.backward_input(b.dattention, b.dx, /*accumulate=*/false);
  attention_.backward(b.dq, b.dk, b.dv, b.dattention, a.q, a.k, a.v);

  layer.input_norm.recompute(s.normed, a.attention_rstd, a.x);
  rotate_backward(by_head(s.query_rows, config_.num_attention_heads), b.dq, cos, sin);
  layer.q_proj.backward_parameters(s.query_rows, s.normed, beta);
  layer.q_proj.backward_input(b.dnormed, s.query_rows, /*accumulate=*/false);
  rotate_backward(by_head(s.key_value_rows, config_.num_key_value_heads), b.dk, cos, sin);
  layer.k_proj.backward_parameters(s.key_value_rows, s.normed, beta);
  layer.k_proj.backward_input(b.dnormed, s.key_value_rows, /*accumulate=*/true);
  by_head(s.key_value_rows, config_.num_key_value_heads).copy_(b.dv);
  layer.v_proj.backward_parameters(s.key_value_rows, s.normed, beta);
  layer.v_proj.backward_input(b.dnormed, s.key_value_rows, /*accumulate=*/true);
  layer.input_norm.backward(b.dx, b.dnormed, a.x, a.attention_rstd, s.hidden, beta);
}

}  // namespace hyperfit
