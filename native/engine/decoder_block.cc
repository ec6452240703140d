// One transformer block: forward and backward of its attention and its MLP, side by side.
#include <ATen/ops/add.h>

#include <algorithm>

#include "engine/decoder.h"

namespace hyperfit {
namespace {

constexpr double kForward = 1, kBackward = -1;  // the sense in which angles turn

// [N, heads*D] -> [N*heads, D]: every head is a row of its own norm.
at::Tensor head_rows(const at::Tensor& rows, int64_t size) { return rows.view({-1, size}); }

}  // namespace

std::vector<Parameter*> DecoderLayer::parameters() const {
  std::vector<Parameter*> found;
  const auto add = [&](const auto&... parts) {
    for (Parameter* parameter : {parts.weight..., parts.bias...}) {
      if (parameter) found.push_back(parameter);
    }
  };
  add(input_norm, mlp_norm, attention_out_norm, mlp_out_norm, q_norm, k_norm, qkv_proj, q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj,
      down_proj);
  return found;
}

bool DecoderLayer::is_trained() const {
  const std::vector<Parameter*> all = parameters();
  return std::any_of(all.begin(), all.end(), [](const Parameter* parameter) { return parameter->trained; });
}

at::Tensor Decoder::by_head(const at::Tensor& rows, int64_t heads, int64_t batch, int64_t sequence) const {
  return rows.view({batch, sequence, heads, config_.head_dim}).transpose(1, 2);
}

// a.x -> normed -> q, k, v by head, q and k turned.
void Decoder::project_heads(const DecoderLayer& layer, LayerActivations& a, int64_t batch, int64_t sequence,
                            const LayerRotations& rotations) {
  LayerScratch& s = workspace_.scratch();
  const Rotation& rotation = rotations.of(layer.rope);
  layer.input_norm.forward(s.normed, a.attention_stats, a.x);
  if (!layer.qkv_proj) return project_separately(layer, a, batch, sequence, rotation);
  const int64_t queries = config_.query_size(), keys = config_.key_value_size();
  layer.qkv_proj.forward(s.heads, s.normed);
  ops_.rotate(a.q, by_head(s.heads.narrow(1, 0, queries), config_.num_attention_heads, batch, sequence), rotation, kForward);
  ops_.rotate(a.k, by_head(s.heads.narrow(1, queries, keys), config_.num_key_value_heads, batch, sequence), rotation, kForward);
  a.v.copy_(by_head(s.heads.narrow(1, queries + keys, keys), config_.num_key_value_heads, batch, sequence));
}

// With a norm of each head its input is kept for the backward; otherwise the projection goes straight into `rows`.
void Decoder::project_normed(const Linear& proj, const Norm& norm, at::Tensor& raw, at::Tensor& stats, at::Tensor& rows) {
  const at::Tensor& normed = workspace_.scratch().normed;
  if (!config_.qk_norm) return proj.forward(rows, normed);
  proj.forward(raw, normed);
  norm.forward(head_rows(rows, config_.head_dim), stats, head_rows(raw, config_.head_dim));
}

// a.x -> a.q turned, and the keys and values of one new position a row where the cache has them.
void Decoder::project_token(const DecoderLayer& layer, LayerActivations& a, const CachePlace& place, const LayerRotations& rotations) {
  LayerScratch& s = workspace_.scratch();
  const int64_t batch = place.positions.size(0), queries = config_.query_size(), keys = config_.key_value_size();
  const auto heads_of = [&](const at::Tensor& rows, int64_t heads) { return by_head(rows, heads, batch, 1); };
  const int64_t kv = config_.num_key_value_heads;
  layer.input_norm.forward(s.normed, a.attention_stats, a.x);
  TokenHeads heads;
  if (layer.qkv_proj) {
    layer.qkv_proj.forward(s.heads, s.normed);
    heads = {heads_of(s.heads.narrow(1, 0, queries), config_.num_attention_heads), heads_of(s.heads.narrow(1, queries, keys), kv),
             heads_of(s.heads.narrow(1, queries + keys, keys), kv)};
  } else {
    project_normed(layer.q_proj, layer.q_norm, a.raw_q, a.q_stats, s.query_rows);
    project_normed(layer.k_proj, layer.k_norm, a.raw_k, a.k_stats, s.key_value_rows);
    at::Tensor value_rows = a.v.view({batch, keys});  // of one position heads stand as rows do
    layer.v_proj.forward(value_rows, s.normed);
    heads = {heads_of(s.query_rows, config_.num_attention_heads), heads_of(s.key_value_rows, kv), a.v};
  }
  ops_.rotate_token(a.q, a.k, place, heads, rotations.of(layer.rope));
}

void Decoder::project_separately(const DecoderLayer& layer, LayerActivations& a, int64_t batch, int64_t sequence,
                                 const Rotation& rotation) {
  LayerScratch& s = workspace_.scratch();
  project_normed(layer.q_proj, layer.q_norm, a.raw_q, a.q_stats, s.query_rows);
  ops_.rotate(a.q, by_head(s.query_rows, config_.num_attention_heads, batch, sequence), rotation, kForward);
  project_normed(layer.k_proj, layer.k_norm, a.raw_k, a.k_stats, s.key_value_rows);
  ops_.rotate(a.k, by_head(s.key_value_rows, config_.num_key_value_heads, batch, sequence), rotation, kForward);
  layer.v_proj.forward(s.key_value_rows, s.normed);
  a.v.copy_(by_head(s.key_value_rows, config_.num_key_value_heads, batch, sequence));
}

// a.attention -> the residual stream between attention and MLP, and what the MLP reads of it, in scratch.
void Decoder::attention_output(const DecoderLayer& layer, LayerActivations& a) {
  LayerScratch& s = workspace_.scratch();
  if (!config_.post_norms)
    return layer.o_proj.forward_residual_norm(a.middle, s.normed, a.mlp_stats, a.x, a.attention, s.product, layer.mlp_norm);
  layer.o_proj.forward(a.attention_out, a.attention);
  layer.attention_out_norm.forward(a.middle, a.attention_out_stats, a.attention_out);
  a.middle.add_(a.x);
  layer.mlp_norm.forward(s.normed, a.mlp_stats, a.middle);
}

// What the MLP reads, in scratch -> what enters its last product, there too.
void Decoder::mlp_activate(const DecoderLayer& layer, LayerActivations& a) {
  LayerScratch& s = workspace_.scratch();
  layer.up_proj.forward(a.up, s.normed);
  if (layer.gate_proj) {
    layer.gate_proj.forward(a.gate, s.normed);
    ops_.activate_gated(s.activation, a.gate, a.up, config_.activation);
  } else {
    ops_.activate(s.activation, a.up, config_.activation);
  }
}

void Decoder::mlp_forward(const DecoderLayer& layer, LayerActivations& a, at::Tensor& next_x) {
  LayerScratch& s = workspace_.scratch();
  mlp_activate(layer, a);
  if (!config_.post_norms) return layer.down_proj.forward_residual(next_x, a.middle, s.activation, s.product);
  layer.down_proj.forward(a.mlp_out, s.activation);
  layer.mlp_out_norm.forward(next_x, a.mlp_out_stats, a.mlp_out);
  next_x.add_(a.middle);
}

// a.x -> all else that the layer's backward reads. The stream after the layer is kept, so what makes it is left out, but for the norm of a
// branch, whose input and statistics the backward wants.
void Decoder::recompute(const DecoderLayer& layer, LayerActivations& a, const TokenBatch& batch, const LayerRotations& rotations) {
  project_heads(layer, a, batch.batch, batch.sequence, rotations);
  attention_.forward(a.attention, a.q, a.k, a.v, layer.window);
  attention_output(layer, a);
  mlp_activate(layer, a);
  if (!config_.post_norms) return;
  LayerScratch& s = workspace_.scratch();
  layer.down_proj.forward(a.mlp_out, s.activation);
  layer.mlp_out_norm.forward(s.hidden, a.mlp_out_stats, a.mlp_out);
}

// The gradient of what a branch computed before its own norm, if it has one (otherwise b.dx itself), as products want it.
const at::Tensor& Decoder::branch_gradient(const Norm& norm, const at::Tensor& branch, const at::Tensor& stats, double beta) {
  BackwardScratch& b = workspace_.backward();
  if (config_.post_norms) {
    b.dnormed.copy_(b.dx);  // the norm's backward uses its argument as scratch
    b.dbranch.zero_();
    norm.backward(b.dbranch, b.dnormed, branch, stats, workspace_.scratch().hidden, beta);
  }
  const at::Tensor& gradient = config_.post_norms ? b.dbranch : b.dx;
  if (!b.dbranch_rounded.defined()) return gradient;
  ops_.round(b.dbranch_rounded, gradient);
  return b.dbranch_rounded;
}

// b.dx: gradient of the stream after the layer -> gradient of the stream between attention and MLP.
void Decoder::mlp_backward(const DecoderLayer& layer, LayerActivations& a, double beta) {
  LayerScratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  const at::Tensor& dout = branch_gradient(layer.mlp_out_norm, a.mlp_out, a.mlp_out_stats, beta);
  layer.down_proj.backward_input(b.dactivation, dout, /*accumulate=*/false);
  if (layer.gate_proj) {
    ops_.activate_gated_backward(b.dgate, b.dup, b.dactivation, a.gate, a.up, config_.activation);
  } else {
    ops_.activate_backward(b.dup, b.dactivation, a.up, config_.activation);
    ops_.activate(b.dactivation, a.up, config_.activation);
  }
  layer.down_proj.backward_parameters(dout, b.dactivation, beta);  // the activation by now

  layer.mlp_norm.recompute(s.normed, a.mlp_stats, a.middle);
  if (layer.gate_proj) {
    layer.gate_proj.backward_parameters(b.dgate, s.normed, beta);
    layer.gate_proj.backward_input(b.dnormed, b.dgate, /*accumulate=*/false);
  }
  layer.up_proj.backward_parameters(b.dup, s.normed, beta);
  layer.up_proj.backward_input(b.dnormed, b.dup, /*accumulate=*/static_cast<bool>(layer.gate_proj));
  layer.mlp_norm.backward(b.dx, b.dnormed, a.middle, a.mlp_stats, s.hidden, beta);
}

// b.dx: gradient of the stream between attention and MLP -> gradient of the stream entering the layer.
void Decoder::attention_backward(const DecoderLayer& layer, LayerActivations& a, double beta, const TokenBatch& batch,
                                 const LayerRotations& rotations) {
  LayerScratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  const at::Tensor& dout = branch_gradient(layer.attention_out_norm, a.attention_out, a.attention_out_stats, beta);
  layer.o_proj.backward_parameters(dout, a.attention, beta);
  layer.o_proj.backward_input(b.dattention, dout, /*accumulate=*/false);
  attention_.backward(b.dq, b.dk, b.dv, b.dattention, a.q, a.k, a.v, layer.window);

  layer.input_norm.recompute(s.normed, a.attention_stats, a.x);
  const Rotation& rotation = rotations.of(layer.rope);
  if (layer.qkv_proj) {
    fused_heads_backward(layer, beta, batch, rotation);
  } else {
    heads_backward(layer, a, beta, batch, rotation);
  }
  layer.input_norm.backward(b.dx, b.dnormed, a.x, a.attention_stats, s.hidden, beta);
}

void Decoder::fused_heads_backward(const DecoderLayer& layer, double beta, const TokenBatch& batch, const Rotation& rotation) {
  LayerScratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  const int64_t queries = config_.query_size(), keys = config_.key_value_size(), kv = config_.num_key_value_heads;
  ops_.rotate(by_head(s.heads.narrow(1, 0, queries), config_.num_attention_heads, batch.batch, batch.sequence), b.dq, rotation, kBackward);
  ops_.rotate(by_head(s.heads.narrow(1, queries, keys), kv, batch.batch, batch.sequence), b.dk, rotation, kBackward);
  by_head(s.heads.narrow(1, queries + keys, keys), kv, batch.batch, batch.sequence).copy_(b.dv);
  layer.qkv_proj.backward_parameters(s.heads, s.normed, beta);
  layer.qkv_proj.backward_input(b.dnormed, s.heads, /*accumulate=*/false);
}

void Decoder::heads_backward(const DecoderLayer& layer, LayerActivations& a, double beta, const TokenBatch& batch,
                             const Rotation& rotation) {
  LayerScratch& s = workspace_.scratch();
  BackwardScratch& b = workspace_.backward();
  const int64_t size = config_.head_dim, kv = config_.num_key_value_heads;
  // Through the norm of each head, where there is one; b.dattention has done its part and serves as scratch.
  auto before_norm = [&](const Norm& norm, at::Tensor& rows, const at::Tensor& raw, const at::Tensor& stats) -> at::Tensor {
    if (!config_.qk_norm) return rows;
    at::Tensor draw = b.draw.view({-1}).narrow(0, 0, rows.numel()).view(rows.sizes()).zero_();
    at::Tensor scratch = b.dattention.view({-1}).narrow(0, 0, rows.numel()).view({-1, size});
    norm.backward(head_rows(draw, size), head_rows(rows, size), head_rows(raw, size), stats, scratch, beta);
    return draw;
  };
  auto project_back = [&](const Linear& proj, const at::Tensor& rows, bool accumulate) {
    proj.backward_parameters(rows, s.normed, beta);
    proj.backward_input(b.dnormed, rows, accumulate);
  };
  ops_.rotate(by_head(s.query_rows, config_.num_attention_heads, batch.batch, batch.sequence), b.dq, rotation, kBackward);
  project_back(layer.q_proj, before_norm(layer.q_norm, s.query_rows, a.raw_q, a.q_stats), false);
  ops_.rotate(by_head(s.key_value_rows, kv, batch.batch, batch.sequence), b.dk, rotation, kBackward);
  project_back(layer.k_proj, before_norm(layer.k_norm, s.key_value_rows, a.raw_k, a.k_stats), true);
  by_head(s.key_value_rows, kv, batch.batch, batch.sequence).copy_(b.dv);
  project_back(layer.v_proj, s.key_value_rows, true);
}

}  // namespace hyperfit
