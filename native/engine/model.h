#pragma once
#include <string>
#include <vector>

#include "decode/device/device_rows.h"
#include "engine/decoder.h"
#include "engine/generation.h"
#include "engine/kv_cache.h"
#include "engine/tensor_file.h"

namespace hyperfit {

struct LossSum {
  double loss_sum = 0;  // nats, over the targets that are not ignored
  int64_t token_count = 0;
};

/// How weights are held where products compute in bfloat16. Matrices that bfloat16 holds exactly stand in it alone until somebody wants
/// their float32 (ParameterStore); `bfloat16` rounds all matrices to such, `float32` gives none of them this.
enum class WeightDtype { automatic, float32, bfloat16 };

/// A decoder with its weights and its cache: what one JavaScript Model stands for. Calls must not overlap; the compute
/// thread sees to that.
class Model {
 public:
  /// Reads every parameter from its source, in the order in which they are to lie in memory. Throws ERR_MODEL_FILES for a parameter of the
  /// config without a source or of another shape, and ERR_DEVICE for a device that cannot be used.
  Model(const ModelConfig& config, const std::vector<TensorSource>& sources, at::Device device, at::ScalarType compute_dtype,
        WeightDtype weight_dtype, Activations activations, const StopSignals& stop);

  at::Tensor forward(const TokenBatch& batch, const StopSignals& stop, std::vector<at::Tensor>* hidden_states);
  at::Tensor last_hidden_state(const TokenBatch& batch, const StopSignals& stop);
  /// As of the decoder, whose weights are refreshed before: gives the summed loss, float64 [] on the device.
  at::Tensor queue_forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop);
  /// The same, whose gradients go to `consumer`.
  at::Tensor forward_backward(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop, GradientConsumer& consumer);
  /// The same, and waits for the loss. `token_count`: how many targets count, which the caller knows from the host.
  LossSum forward_backward(const TokenBatch& batch, const at::Tensor& targets, int64_t token_count, const StopSignals& stop);
  /// As of the decoder, whose weights are refreshed before.
  at::Tensor forward_keeping(const TokenBatch& batch, const StopSignals& stop);
  void backward_from(int64_t pass, const at::Tensor& dlogits, const StopSignals& stop);
  /// On the CPU.
  TokenStats token_stats(const TokenBatch& batch, const at::Tensor& targets, const StopSignals& stop);
  std::vector<Generation> generate(const std::vector<std::vector<int32_t>>& prompts, const GenerateOptions& options,
                                   const StopSignals& stop, const TokenListener& listener);
  /// Share of the weights that differ from those in `sources`, as they would be read.
  double changed_share(const std::vector<TensorSource>& sources);

  Decoder& decoder() { return decoder_; }
  const KVCache& cache() const { return cache_; }
  at::Device device() const { return device_; }
  Retirement& retirement() { return retirement_; }

 private:
  at::Device device_;
  WeightDtype weight_dtype_;
  Decoder decoder_;
  KVCache cache_;
  KeptRows kept_rows_{decoder_, cache_, /*most=*/1};
  Retirement retirement_{"model"};
};

}  // namespace hyperfit
