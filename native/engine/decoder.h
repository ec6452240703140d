#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "engine/attention.h"
#include "engine/embedding.h"
#include "engine/gradient_consumer.h"
#include "engine/kv_cache.h"
#include "engine/linear.h"
#include "engine/model_config.h"
#include "engine/parameters.h"
#include "engine/norm.h"
#include "engine/rotary.h"
#include "engine/stop_signals.h"
#include "engine/transfers.h"
#include "engine/workspace.h"
#include "graph/repeated_work.h"
#include "ops/arena.h"

namespace hyperfit {

/// The parameters of one transformer block. What a model lacks is empty.
struct DecoderLayer {
  Norm input_norm, mlp_norm;
  Norm attention_out_norm, mlp_out_norm;        // post_norms
  Norm q_norm, k_norm;                          // qk_norm
  Linear qkv_proj;                              // fused layout: q, k and v in one
  Linear q_proj, k_proj, v_proj, o_proj;
  Linear gate_proj, up_proj, down_proj;
  LayerRope rope = LayerRope::global;
  int64_t window = 0;

  std::vector<Parameter*> parameters() const;
  /// Whether a gradient of any of its parameters is computed.
  bool is_trained() const;
};

/// B sequences of T token ids, int64 [B*T] on the model's device.
struct TokenBatch {
  at::Tensor tokens;
  int64_t batch = 0;
  int64_t sequence = 0;
};

/// A decoder-only transformer: forward, backward written by hand, and the two phases of decoding. No text, no JavaScript, no autograd tape.
/// Everything here only queues work for the device; what results say is read elsewhere (Model, decode/).
class Decoder {
 public:
  /// Weights, their gradients and the residual stream are float32; `compute_dtype`, float32 or bfloat16, is the type of
  /// what enters and leaves the products. Recomputed activations cost a second forward pass of the layers and give the same gradients to
  /// the bit. `parameters` in the order in which they are to lie in memory. Which backend computes (ops.h) is settled here. Throws
  /// ERR_MODEL_FILES where the config asks for other parameters.
  Decoder(const ModelConfig& config, const std::vector<ParameterShape>& parameters, at::Device device, at::ScalarType compute_dtype,
          Activations activations = Activations::kept);

  /// Logits [B*T, vocabulary], of the type that products compute in, in the workspace, overwritten by the next call. `hidden_states`, when
  /// given, gets a copy of the residual stream [B*T, hidden] before each layer, and after the final norm.
  at::Tensor forward(const TokenBatch& batch, const StopSignals& stop, std::vector<at::Tensor>* hidden_states = nullptr);
  /// What the head would read: the residual stream after the final norm [B*T, hidden], of the type that products compute in, in the
  /// workspace, overwritten by the next call.
  at::Tensor last_hidden_state(const TokenBatch& batch, const StopSignals& stop);
  /// Adds the gradient of the summed loss to the parameters' gradients and gives that loss, nats, float64 [] on the device, which
  /// the next call may overwrite. `targets` int64 [B*T] on the device, kIgnoreIndex to skip. Passes of one shape are one graph there, where
  /// the device has such.
  at::Tensor forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop);
  /// The same, but gradients are handed to `consumer` as soon as they are whole, and gone afterwards: those of a layer once its backward is
  /// done, those of embedding, positions, final norm and head at the end. A graph too, of the consumer's key. Once it has begun to consume,
  /// nothing cancels the pass. Throws ERR_CONFIG where gradients have been gathered that nobody has used.
  at::Tensor forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop, GradientConsumer& consumer);
  /// Takes the memory of a pass with a backward of that shape, so that no smaller one has to take any. What is kept for a backward is
  /// forgotten.
  void reserve(int64_t batch, int64_t sequence) {
    parameters_.settle_trained();
    most_rows_ = std::max(most_rows_, batch * sequence);
    workspace_.shape_keeping(batch, sequence, first_trained_layer());
    workspace_.logits(workspace_.logit_rows(batch * sequence));
  }
  /// `forward`, which keeps what `backward_from` needs until another pass of this decoder begins or its weights are written to.
  at::Tensor forward_keeping(const TokenBatch& batch, const StopSignals& stop);
  /// The pass of the last `forward_keeping`.
  int64_t kept_pass() const { return kept_.pass; }
  /// Adds the gradients that follow from that of the logits, float32 [B*T, vocabulary] on the device, which pass `pass` gave. Throws
  /// ERR_CONFIG where nothing is kept of that pass any more: no gradient has changed then.
  void backward_from(int64_t pass, const at::Tensor& dlogits, const StopSignals& stop);

  /// Reads prompts (rows from `first_row` of the cache), right-padded to one length; gives the logits,
  /// float32 [B, vocabulary], after each row's last token, which stands at `last` (int64 [B]).
  at::Tensor prefill(const TokenBatch& prompts, const at::Tensor& last, int64_t first_row, KVCache& cache,
                     const StopSignals& stop);
  /// Logits, float32 [count, vocabulary], after `count` tokens of the prompts that `prefill` has just read, from `first` of [B*T] on.
  at::Tensor prompt_logits(int64_t first, int64_t count);
  /// One token a row at `positions`; gives logits, float32 [B, vocabulary]. Operation by operation, on any device: what decode/operators.cc
  /// steps by.
  at::Tensor decode_step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions, KVCache& cache);
  /// The same of tokens and positions on the device, int64 [B], all below `reach`. Shapes and addresses follow from `reach` alone, wherever
  /// rows stand, so that what is queued may be queued again.
  at::Tensor decode_step(const at::Tensor& tokens, const at::Tensor& positions, int64_t reach, KVCache& cache) {
    return decode_rows(tokens, positions, /*known=*/{}, reach, cache);
  }
  /// What `decode_step` does beside queueing; where a graph is queued in its place, this comes before.
  void begin_token(int64_t rows) { workspace_.shape(rows, 1); }
  /// What a backend's own decoding walks through.
  const Embedding& embedding() const { return embedding_; }
  const PositionEmbedding& positions() const { return positions_; }
  const std::vector<DecoderLayer>& layers() const { return layers_; }
  const Norm& final_norm() const { return final_norm_; }
  const Linear& head() const { return head_; }
  const RotaryTables& rotary() const { return rotary_; }

  const ModelConfig& config() const { return config_; }
  const Ops& ops() const { return ops_; }
  ParameterStore& parameters() { return parameters_; }
  at::TensorOptions options() const { return options_; }                  // of the residual stream
  at::TensorOptions compute_options() const { return compute_options_; }  // of what enters the products
  /// Ids of the host, int64 [any] each, on the model's device until the next call.
  std::vector<at::Tensor> upload(const std::vector<at::Tensor>& ids) { return upload_(ids, options_.device()); }
  /// To be called before anything is computed: weights may have been written to since.
  void refresh_weights() { parameters_.refresh_compute(); }
  int64_t workspace_bytes() const { return workspace_.bytes() + attention_.workspace_bytes(); }
  int64_t temporary_bytes() const { return arena_.bytes(); }

 private:
  DecoderLayer make_layer(int64_t index);
  DecoderLayer make_separate_layer(const std::string& prefix);
  DecoderLayer make_fused_layer(const std::string& prefix);
  Linear linear(const std::string& name, int64_t out, int64_t in, bool bias, bool transposed = false);
  Norm norm(const std::string& name);
  Norm head_norm(const std::string& name);
  void project_heads(const DecoderLayer& layer, LayerActivations& a, int64_t batch, int64_t sequence,
                     const LayerRotations& rotations);
  void project_normed(const Linear& proj, const Norm& norm, at::Tensor& raw, at::Tensor& stats, at::Tensor& rows);
  void project_token(const DecoderLayer& layer, LayerActivations& a, const CachePlace& place, const LayerRotations& rotations);
  void project_separately(const DecoderLayer& layer, LayerActivations& a, int64_t batch, int64_t sequence, const Rotation& rotation);
  void attention_output(const DecoderLayer& layer, LayerActivations& a);
  void mlp_activate(const DecoderLayer& layer, LayerActivations& a);
  void mlp_forward(const DecoderLayer& layer, LayerActivations& a, at::Tensor& next_x);
  void recompute(const DecoderLayer& layer, LayerActivations& a, const TokenBatch& batch, const LayerRotations& rotations);
  void attention_backward(const DecoderLayer& layer, LayerActivations& a, double beta, const TokenBatch& batch,
                          const LayerRotations& rotations);
  void heads_backward(const DecoderLayer& layer, LayerActivations& a, double beta, const TokenBatch& batch, const Rotation& rotation);
  void fused_heads_backward(const DecoderLayer& layer, double beta, const TokenBatch& batch, const Rotation& rotation);
  void mlp_backward(const DecoderLayer& layer, LayerActivations& a, double beta);
  const at::Tensor& branch_gradient(const Norm& norm, const at::Tensor& branch, const at::Tensor& stats, double beta);
  at::Tensor by_head(const at::Tensor& rows, int64_t heads, int64_t batch, int64_t sequence) const;
  at::Tensor& stream_after(int64_t layer);
  /// Told of each layer once its q, k and v are there.
  using Observer = std::function<void(int64_t layer, const LayerActivations& activations)>;
  void run_layers(const TokenBatch& batch, const StopSignals& stop, const Observer& observe);
  at::Tensor head_forward(const at::Tensor& x, bool keep = false);
  at::Tensor head_logits(const at::Tensor& normed, bool keep);
  at::Tensor sampling_logits(const at::Tensor& x);
  at::Tensor final_normed(const at::Tensor& x);
  /// `known`: the positions, or nothing where the device alone knows them.
  at::Tensor decode_rows(const at::Tensor& tokens, const at::Tensor& positions, const std::vector<int64_t>& known, int64_t reach,
                         KVCache& cache);
  void begin_keeping(const TokenBatch& batch);
  /// How deep a backward has to go; their number where no layer is trained.
  int64_t first_trained_layer() const;
  Arena::Use use_arena(int64_t rows) { return {arena_, rows, most_rows_}; }
  at::Tensor head_loss_backward(const at::Tensor& targets, double beta, const StopSignals& stop);
  void head_backward(at::Tensor& dlogits, int64_t first_row, double beta);
  void layers_backward(const TokenBatch& batch, double beta, const StopSignals& stop, GradientConsumer* consumer = nullptr);
  std::vector<Parameter*> outer_parameters();

  /// What a pass that waits for its backward was of, and the version of the weights that it read.
  struct KeptPass {
    TokenBatch batch;
    int64_t pass = -1, weights = -1;
  };

  ModelConfig config_;
  KeptPass kept_;
  const Ops& ops_;
  at::TensorOptions options_, compute_options_;
  Activations activations_;
  ParameterStore parameters_;
  RotaryTables rotary_;
  Attention attention_;
  Workspace workspace_;
  Arena arena_;
  int64_t most_rows_ = 0;  // of passes to come, as far as anybody has said
  Buffer losses_;          // float64: of a pass, and of a part of it
  Upload upload_;
  RepeatedWork passes_;
  Embedding embedding_;
  PositionEmbedding positions_;
  Norm final_norm_;
  Linear head_;
  std::vector<DecoderLayer> layers_;
};

}  // namespace hyperfit
