#include "engine/workspace.h"

namespace hyperfit {

Workspace::Workspace(const ModelConfig& config, const at::TensorOptions& options) : config_(config), options_(options) {}

at::Tensor Workspace::take(std::vector<int64_t> shape) {
  if (next_ == buffers_.size()) buffers_.emplace_back();
  return buffers_[next_++].view(shape, options_);
}

void Workspace::shape(int64_t batch, int64_t sequence, bool keep) {
  if (batch == batch_ && sequence == sequence_ && keep == keep_) return;
  batch_ = batch;
  sequence_ = sequence;
  keep_ = keep;
  next_ = 0;
  layers_.clear();
  scratch_ = scratch_views();
  layers_.push_back(layer_views());
  if (!keep) return;
  backward_ = backward_views();
  for (int64_t layer = 1; layer < config_.num_hidden_layers; ++layer) layers_.push_back(layer_views());
}

LayerActivations Workspace::layer_views() {
  const ModelConfig& c = config_;
  const int64_t rows = batch_ * sequence_;
  return {
      .x = take({rows, c.hidden_size}),
      .attention_rstd = take({rows, 1}),
      .q = take({batch_, c.num_attention_heads, sequence_, c.head_dim}),
      .k = take({batch_, c.num_key_value_heads, sequence_, c.head_dim}),
      .v = take({batch_, c.num_key_value_heads, sequence_, c.head_dim}),
      .attention = take({rows, c.query_size()}),
      .middle = take({rows, c.hidden_size}),
      .mlp_rstd = take({rows, 1}),
      .gate = take({rows, c.intermediate_size}),
      .up = take({rows, c.intermediate_size}),
  };
}

Scratch Workspace::scratch_views() {
  const ModelConfig& c = config_;
  const int64_t rows = batch_ * sequence_;
  return {
      .normed = take({rows, c.hidden_size}),
      .hidden = take({rows, c.hidden_size}),
      .activation = take({rows, c.intermediate_size}),
      .query_rows = take({rows, c.query_size()}),
      .key_value_rows = take({rows, c.key_value_size()}),
      .final_rstd = take({rows, 1}),
      .final_x = take({rows, c.hidden_size}),
  };
}

BackwardScratch Workspace::backward_views() {
  const ModelConfig& c = config_;
  const int64_t rows = batch_ * sequence_;
  return {
      .dx = take({rows, c.hidden_size}),
      .dnormed = take({rows, c.hidden_size}),
      .dgate = take({rows, c.intermediate_size}),
      .dup = take({rows, c.intermediate_size}),
      .dactivation = take({rows, c.intermediate_size}),
      .dattention = take({rows, c.query_size()}),
      .dq = take({batch_, c.num_attention_heads, sequence_, c.head_dim}),
      .dk = take({batch_, c.num_key_value_heads, sequence_, c.head_dim}),
      .dv = take({batch_, c.num_key_value_heads, sequence_, c.head_dim}),
  };
}

int64_t Workspace::bytes() const {
  int64_t total = logits_.bytes();
  for (const Buffer& buffer : buffers_) total += buffer.bytes();
  return total;
}

}  // namespace hyperfit
