#pragma once
#include <ATen/core/Tensor.h>

namespace hyperfit {

constexpr int64_t kIgnoreIndex = -100;

struct LossSum {
  double loss_sum = 0;  // nats, over the targets that are not ignored
  int64_t token_count = 0;
};

/// The sum of the negative log-likelihoods; `logits` [rows, vocabulary], float32 or bfloat16, become their own gradients,
/// softmax - one-hot, zero where the target is kIgnoreIndex. `targets` int64 [rows], on the device of the logits.
LossSum cross_entropy_forward_backward_(at::Tensor& logits, const at::Tensor& targets);

/// Per row, from logits [rows, vocabulary] of either type: float32 on the CPU; loss is 0 where the target is ignored.
struct TokenStats {
  at::Tensor loss;      // [rows] nats
  at::Tensor entropy;   // [rows] nats, -sum p ln p
  at::Tensor top_mass;  // [rows, 3]: probability of the 1, 3, 5 most probable tokens
  at::Tensor top1_ids;  // [rows] int64, lowest id on ties
};
TokenStats token_stats(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace hyperfit
