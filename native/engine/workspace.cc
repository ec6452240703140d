#include "engine/workspace.h"

namespace hyperfit {
namespace {

/// Logits of a part: so many that reading and writing the head's gradient for each part costs little beside its products.
constexpr int64_t kPartLogits = int64_t{1} << 26;

}  // namespace

// A last part of few rows would cost what a whole one does.
int64_t logit_rows(const ModelConfig& config, const Ops& ops, Activations activations, int64_t rows) {
  int64_t most = ops.loss_rows > 0 ? std::min(ops.loss_rows, rows) : rows;
  if (activations == Activations::recomputed) most = std::clamp<int64_t>(kPartLogits / config.output_vocab_size, 1, most);
  const int64_t parts = (rows + most - 1) / most;
  return (rows + parts - 1) / parts;
}

Workspace::Workspace(const ModelConfig& config, const Ops& ops, const at::TensorOptions& options, at::ScalarType compute_dtype,
                     Activations activations)
    : config_(config),
      ops_(ops),
      options_(options),
      compute_options_(options.dtype(compute_dtype)),
      activations_(activations),
      logits_(ops),
      sampling_logits_(ops),
      logit_ratios_(ops) {
  TORCH_CHECK(options.dtype() == at::kFloat, "expected a float32 residual stream, got ", options.dtype());
  TORCH_CHECK(compute_dtype == at::kFloat || compute_dtype == at::kBFloat16, "expected products in float32 or bfloat16, got ",
              compute_dtype);
}

at::Tensor Workspace::take(std::vector<int64_t> shape) {
  if (next_ == buffers_.size()) buffers_.emplace_back(ops_);
  return buffers_[next_++].view(shape, options_);
}

at::Tensor Workspace::take_compute(std::vector<int64_t> shape) {
  if (next_ == buffers_.size()) buffers_.emplace_back(ops_);
  return buffers_[next_++].view(shape, compute_options_);
}

void Workspace::shape(int64_t batch, int64_t sequence, int64_t first_kept, bool has_backward) {
  ++passes_;
  if (batch == batch_ && sequence == sequence_ && first_kept == first_kept_ && has_backward == has_backward_) return;
  batch_ = batch;
  sequence_ = sequence;
  first_kept_ = first_kept;
  has_backward_ = has_backward;
  try {
    take_views();
  } catch (...) {
    forget();
    throw;
  }
}

void Workspace::take_views() {
  next_ = 0;
  layers_.clear();
  scratch_ = scratch_views();
  layers_.push_back(layer_views());
  if (!has_backward_) return;
  backward_ = backward_views();
  const int64_t kept = config_.num_hidden_layers - first_kept_;
  const int64_t shared = first_kept_ > 0 ? 1 : 0;
  while (static_cast<int64_t>(layers_.size()) < kept + shared)
    layers_.push_back(activations_ == Activations::kept ? layer_views() : stream_view());
}

// Half of a shape serves no pass, and what it took may be what the next one needs.
void Workspace::forget() {
  batch_ = sequence_ = 0;
  layers_.clear();
  scratch_ = {};
  backward_ = {};
  buffers_.clear();
}

LayerActivations Workspace::layer_views() {
  const ModelConfig& c = config_;
  const int64_t rows = batch_ * sequence_;
  LayerActivations a;
  a.x = take({rows, c.hidden_size});
  a.attention_stats = take({2, rows, 1});
  a.q = take_compute({batch_, c.num_attention_heads, sequence_, c.head_dim});
  a.k = take_compute({batch_, c.num_key_value_heads, sequence_, c.head_dim});
  a.v = take_compute({batch_, c.num_key_value_heads, sequence_, c.head_dim});
  a.attention = take_compute({rows, c.query_size()});
  a.middle = take({rows, c.hidden_size});
  a.mlp_stats = take({2, rows, 1});
  if (c.gated_mlp) a.gate = take_compute({rows, c.intermediate_size});
  a.up = take_compute({rows, c.intermediate_size});
  if (c.qk_norm) {
    a.raw_q = take_compute({rows, c.query_size()});
    a.raw_k = take_compute({rows, c.key_value_size()});
    a.q_stats = take({2, rows * c.num_attention_heads, 1});
    a.k_stats = take({2, rows * c.num_key_value_heads, 1});
  }
  if (c.post_norms) {
    a.attention_out = take_compute({rows, c.hidden_size});
    a.attention_out_stats = take({2, rows, 1});
    a.mlp_out = take_compute({rows, c.hidden_size});
    a.mlp_out_stats = take({2, rows, 1});
  }
  return a;
}

// All but the stream belongs to whichever layer was computed last.
LayerActivations Workspace::stream_view() {
  LayerActivations a = layers_.front();
  a.x = take({batch_ * sequence_, config_.hidden_size});
  return a;
}

LayerScratch Workspace::scratch_views() {
  const ModelConfig& c = config_;
  const int64_t rows = batch_ * sequence_;
  LayerScratch s;
  s.normed = take_compute({rows, c.hidden_size});
  s.hidden = take({rows, c.hidden_size});
  s.product = take_compute({rows, c.hidden_size});
  s.activation = take_compute({rows, c.intermediate_size});
  if (c.weight_layout == WeightLayout::fused) s.heads = take_compute({rows, c.query_size() + 2 * c.key_value_size()});
  s.query_rows = take_compute({rows, c.query_size()});
  s.key_value_rows = take_compute({rows, c.key_value_size()});
  s.final_stats = take({2, rows, 1});
  s.final_x = take({rows, c.hidden_size});
  return s;
}

BackwardScratch Workspace::backward_views() {
  const ModelConfig& c = config_;
  const int64_t rows = batch_ * sequence_;
  BackwardScratch b;
  b.dx = take({rows, c.hidden_size});
  b.dnormed = take({rows, c.hidden_size});
  if (c.gated_mlp) b.dgate = take_compute({rows, c.intermediate_size});
  b.dup = take_compute({rows, c.intermediate_size});
  b.dactivation = take_compute({rows, c.intermediate_size});
  b.dattention = take_compute({rows, c.query_size()});
  b.dq = take_compute({batch_, c.num_attention_heads, sequence_, c.head_dim});
  b.dk = take_compute({batch_, c.num_key_value_heads, sequence_, c.head_dim});
  b.dv = take_compute({batch_, c.num_key_value_heads, sequence_, c.head_dim});
  if (c.post_norms) b.dbranch = take({rows, c.hidden_size});
  if (rounds()) b.dbranch_rounded = take_compute({rows, c.hidden_size});
  if (c.qk_norm) b.draw = take_compute({rows, c.query_size()});
  return b;
}

int64_t Workspace::bytes() const {
  int64_t total = logits_.bytes() + sampling_logits_.bytes() + logit_ratios_.bytes();
  for (const Buffer& buffer : buffers_) total += buffer.bytes();
  return total;
}

}  // namespace hyperfit
