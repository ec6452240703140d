#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <vector>

#include "ops/buffer.h"
#include "engine/model_config.h"

namespace hyperfit {

// The residual stream, its gradient and all statistics are float32; what enters or leaves a product is of the type that
// products compute in (marked *).

/// What one layer keeps between forward and backward. N = B*T rows. The normed inputs and the MLP's activation are not
/// kept: one elementwise pass brings them back. Statistics of a norm: [2, rows, 1], see Norm.
struct LayerActivations {
  at::Tensor x;                // [N, hidden] residual stream entering the layer
  at::Tensor attention_stats;  // of the norm before attention
  at::Tensor raw_q, raw_k;     // * [N, H*D], [N, K*D] before their norms (qk_norm only)
  at::Tensor q_stats, k_stats; // [2, N*H, 1], [2, N*K, 1] (qk_norm only)
  at::Tensor q;                // * [B, H, T, D] rotated
  at::Tensor k, v;             // * [B, K, T, D], k rotated
  at::Tensor attention;        // * [N, H*D] before the output projection
  at::Tensor attention_out;    // * [N, hidden] before its norm (post_norms only)
  at::Tensor attention_out_stats;
  at::Tensor middle;           // [N, hidden] residual stream between attention and MLP
  at::Tensor mlp_stats;        // of the norm before the MLP
  at::Tensor gate, up;         // * [N, intermediate]; gate undefined without a gate
  at::Tensor mlp_out;          // * [N, hidden] before its norm (post_norms only)
  at::Tensor mlp_out_stats;
};

/// What all layers share.
struct LayerScratch {
  at::Tensor normed;                       // * [N, hidden]
  at::Tensor hidden;                       // [N, hidden]
  at::Tensor product;                      // * [N, hidden] what a branch adds to the residual stream
  at::Tensor activation;                   // * [N, intermediate]
  at::Tensor heads;                        // * [N, (H + 2K)*D]: q, k and v side by side
  at::Tensor query_rows;                   // * [N, H*D]
  at::Tensor key_value_rows;               // * [N, K*D]
  at::Tensor final_stats;                  // of the final norm
  at::Tensor final_x;                      // [N, hidden] residual stream leaving the last layer
};

/// Further scratch of the backward.
struct BackwardScratch {
  at::Tensor dx;                 // [N, hidden] gradient of the residual stream
  at::Tensor dbranch;            // [N, hidden] gradient of what a branch adds to it (post_norms only)
  at::Tensor dbranch_rounded;    // * [N, hidden] the same, where products do not compute in float32
  at::Tensor dnormed;            // [N, hidden]
  at::Tensor dgate, dup, dactivation;  // * [N, intermediate]
  at::Tensor dattention;         // * [N, H*D]
  at::Tensor draw;               // * [N, H*D] gradient before the norms of q or k (qk_norm only)
  at::Tensor dq;                 // * [B, H, T, D]
  at::Tensor dk, dv;             // * [B, K, T, D]
};

/// How a pass that has a backward comes by its activations.
enum class Activations { kept, recomputed };

/// Of so many rows, the logits that stand at once in a pass with a loss: as many as the backend wants, fewer where activations are
/// recomputed and the vocabulary is large. Parts are of one size but for the last.
int64_t logit_rows(const ModelConfig& config, const Ops& ops, Activations activations, int64_t rows);

/// All activations of the engine. Memory is taken at the first use of the largest shape and kept. Every view is dense, on the device of
/// `options`, and of one of its two types: that is what operations (ops.h) build on, so that none of them has to ask.
class Workspace {
 public:
  /// `options` of the residual stream; `compute_dtype` is the type that products compute in. Where activations are recomputed, a layer
  /// keeps the stream that enters it and nothing else.
  Workspace(const ModelConfig& config, const Ops& ops, const at::TensorOptions& options, at::ScalarType compute_dtype,
            Activations activations);

  /// Views for B sequences of T tokens, of which a pass begins. All layers share one set.
  void shape(int64_t batch, int64_t sequence) { shape(batch, sequence, config_.num_hidden_layers, /*has_backward=*/false); }
  /// The same, of a pass with a backward: layers from `first` on keep theirs for it, those below share one set.
  void shape_keeping(int64_t batch, int64_t sequence, int64_t first) { shape(batch, sequence, first, /*has_backward=*/true); }
  LayerActivations& layer(int64_t index) { return layers_[first_kept_ == 0 ? index : std::max<int64_t>(index + 1 - first_kept_, 0)]; }
  LayerScratch& scratch() { return scratch_; }
  BackwardScratch& backward() { return backward_; }
  int64_t logit_rows(int64_t rows) const { return hyperfit::logit_rows(config_, ops_, activations_, rows); }
  at::Tensor logits(int64_t rows) { return logits_.view({rows, config_.output_vocab_size}, compute_options_); }
  /// Those that a token is chosen from: rounded, the best of them would tie.
  at::Tensor sampling_logits(int64_t rows) { return sampling_logits_.view({rows, config_.output_vocab_size}, options_); }
  /// tanh of the soft-capped logits, for their backward.
  at::Tensor logit_ratios(int64_t rows) { return logit_ratios_.view({rows, config_.output_vocab_size}, compute_options_); }
  int64_t bytes() const;
  /// How many passes have begun: what one of them left is overwritten by the next.
  int64_t passes() const { return passes_; }

 private:
  at::Tensor take(std::vector<int64_t> shape);          // of the residual stream's type
  at::Tensor take_compute(std::vector<int64_t> shape);  // of the products' type
  void shape(int64_t batch, int64_t sequence, int64_t first_kept, bool has_backward);
  bool rounds() const { return compute_options_.dtype() != options_.dtype(); }
  void take_views();
  void forget();
  LayerActivations layer_views();
  LayerActivations stream_view();
  LayerScratch scratch_views();
  BackwardScratch backward_views();

  ModelConfig config_;
  const Ops& ops_;
  at::TensorOptions options_, compute_options_;
  Activations activations_;
  int64_t batch_ = 0, sequence_ = 0, passes_ = 0;
  int64_t first_kept_ = -1;
  bool has_backward_ = false;
  size_t next_ = 0;              // which buffer the next view takes
  std::vector<Buffer> buffers_;  // in the order the views ask for them, the same each time
  Buffer logits_, sampling_logits_, logit_ratios_;
  std::vector<LayerActivations> layers_;  // what is shared, and then a set a layer that keeps
  LayerScratch scratch_;
  BackwardScratch backward_;
};

}  // namespace hyperfit
