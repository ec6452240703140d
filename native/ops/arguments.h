#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "ops/buffer.h"
#include "ops/dynamic_map.h"

namespace hyperfit {

// What operations are told beside their tensors. B batch, H heads, K key/value heads, T positions, S cached positions, D head size.

enum class NormType { rms, layer };
enum class Activation { silu, gelu, gelu_tanh, quick_gelu };

constexpr int64_t kIgnoreIndex = -100;  // a target that does not count

/// A matrix [out, in], or [in, out] where `transposed`, as GPT-2's Conv1D stores it; a bias [out] or an undefined tensor.
struct LinearWeights {
  const at::Tensor& weight;
  const at::Tensor& bias;
  bool transposed = false;

  at::Tensor out_in() const { return transposed ? weight.t() : weight; }
  at::Tensor in_out() const { return transposed ? weight : weight.t(); }
};

/// rms: y = x / sqrt(mean(x^2) + eps) * (w + offset). Source: Zhang and Sennrich 2019; LlamaRMSNorm, Gemma's offset 1.
/// layer: y = (x - mean) / sqrt(var + eps) * w + b. Source: Ba et al. 2016; torch.nn.LayerNorm.
struct NormWeights {
  NormType type;
  const at::Tensor& weight;  // float32 [size]
  const at::Tensor& bias;    // float32 [size], layer only
  double eps;
  double offset;
};

/// gradient = beta gradient + what the backward finds; beta 0 forgets what stood there, NaN included.
struct NormGradients {
  at::Tensor& weight;  // float32 [size]
  at::Tensor& bias;    // float32 [size], layer only
  double beta;
};

/// Angles of some positions, float32 [T, D/2], or [B, 1, 1, D/2] of one position a row; undefined tensors turn nothing.
struct Rotation {
  at::Tensor cos, sin;
};

/// Where a decoding step writes: the cache of a layer, and the position of each row in it.
struct CachePlace {
  at::Tensor keys, values;     // [B, K, S, D]
  at::Tensor rows, positions;  // int64 [B]: 0, 1, ..., and where each stands
};

/// Heads of one new position a row, as the projections leave them: [B, H, 1, D], [B, K, 1, D] twice.
struct TokenHeads {
  at::Tensor q, k, v;
};

struct AttentionRule {
  double scale = 1;
  double softcap = 0;  // 0: none
  int64_t window = 0;  // 0: unlimited
};

/// Queries of a whole sequence: [batch, heads, length, size] of that type.
struct AttentionShape {
  int64_t batch = 0, heads = 0, length = 0, size = 0;
  at::ScalarType dtype = at::kFloat;
};

struct Ops;

/// Memory that attention takes once and keeps.
struct AttentionScratch {
  explicit AttentionScratch(const Ops& table)
      : ops(table), scores(table), probabilities(table), heads(table), score_gradients(table), score_ratios(table) {}

  /// By `make(length, window, options)` unless a mask of that window, type and at least that length is there: one of fewer positions is its
  /// corner.
  template <class Make>
  at::Tensor causal_mask(int64_t length, int64_t window, const at::TensorOptions& options, const Make& make) {
    at::Tensor& mask = masks[window];
    if (!mask.defined() || mask.size(0) < length || mask.scalar_type() != options.dtype()) {
      mask = make(length, window, options);
      note_memory_move();
    }
    return mask.narrow(0, 0, length).narrow(1, 0, length);
  }
  int64_t bytes() const { return scores.bytes() + probabilities.bytes() + heads.bytes() + score_gradients.bytes() + score_ratios.bytes(); }

  const Ops& ops;
  Buffer scores, probabilities, heads, score_gradients, score_ratios;
  std::map<int64_t, at::Tensor> masks;  // by window: [T, T]
};

/// The cached positions at which each row of a decoding step looks: first[b] .. last[b], both included. Every row stands at its last.
struct DecodeSpan {
  /// No positions: those on the device are all that is known.
  DecodeSpan(const std::vector<int64_t>& positions, int64_t window);
  /// Whether some row does not look at all `cached` positions.
  bool hides_any(int64_t cached) const;

  std::vector<int64_t> first, last;
  int64_t window;
  at::Tensor positions;     // int64 [B], `last` on the device; for backends that ask there
  mutable at::Tensor mask;  // [B, 1, 1, S], made by the first layer that asks for it
};

/// One AdamW update of a flat float32 buffer [n]. Source: Loshchilov and Hutter 2019; update rule of torch.optim.AdamW.
struct AdamWUpdate {
  at::Tensor values;
  at::Tensor exp_avg, exp_avg_sq;                // float32 [n], or codes of a dynamic map (ops/dynamic_map.h), uint8 [n], n in whole blocks
  at::Tensor exp_avg_absmax, exp_avg_sq_absmax;  // of codes: the largest magnitude of each block, float32 [n / kMomentBlock]
  at::Tensor gradients;                          // multiplied by `grad_scale`; memory may keep them scaled or not
  at::Tensor rounded;                            // bfloat16 [n], gets the new values; undefined where nobody wants them
  int64_t step;                                  // of this update, from 1
  double learning_rate, beta1, beta2, eps, weight_decay, grad_scale;
  // What the device has decided by itself, float32 [] on it; undefined on the CPU, where the host decides.
  at::Tensor divisor{};    // of the gradients, in the place of grad_scale
  at::Tensor found_inf{};  // where it is 1, all stays as it is
  // In the place of the host's learning_rate and step, so that what was queued once can be queued again with others; float32 [] on the
  // device too.
  at::Tensor device_learning_rate{}, device_step{};
};

/// Per row of logits, on their device, float32; loss is 0 where the target is ignored.
struct TokenStats {
  at::Tensor loss;      // [rows] nats
  at::Tensor entropy;   // [rows] nats, -sum p ln p
  at::Tensor top_mass;  // [rows, 3]: probability of the 1, 3, 5 most probable tokens
  at::Tensor top1_ids;  // [rows] int64, lowest id on ties
};

}  // namespace hyperfit
