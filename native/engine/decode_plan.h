#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "engine/kv_cache.h"
#include "engine/model_config.h"
#include "engine/token_scores.h"

namespace hyperfit {

struct DecoderLayer;
struct Embedding;
struct PositionEmbedding;
struct Norm;
struct Linear;
class RotaryTables;

/// What a decoding step walks through.
struct DecoderParts {
  const ModelConfig& config;
  const Embedding& embedding;
  const PositionEmbedding& positions;
  const std::vector<DecoderLayer>& layers;
  const Norm& final_norm;
  const Linear& head;
  const RotaryTables& rotary;
  at::TensorOptions compute_options;
};

/// Decoding on the CPU: one step is one parallel region, in which a team of threads walks through all layers by the kernels, without
/// tensors in between. Decoder::decode_step computes the same by operators, one by one.
class DecodePlan {
 public:
  virtual ~DecodePlan() = default;
  /// One token a row, each at its own position; rows do not affect each other. The scores are overwritten by the next step.
  virtual TokenScores step(const std::vector<int64_t>& tokens, const std::vector<int64_t>& positions) = 0;
};

/// For `batch` rows of a cache that has been reset for them. Null where this cannot be done: another device, more rows than
/// kernels::kFewRows, kernels switched off.
std::unique_ptr<DecodePlan> plan_decoding(const DecoderParts& parts, const KVCache& cache, int64_t batch);

}  // namespace hyperfit
