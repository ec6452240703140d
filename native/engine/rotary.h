#pragma once
#include <ATen/core/Tensor.h>

#include "engine/model_config.h"

namespace hyperfit {

/// Rotary position embedding (Su et al. 2021) in the half-split layout of Hugging Face: the first half of a head pairs
/// with the second.
class Rotary {
 public:
  Rotary() = default;
  Rotary(double theta, const RopeScaling& scaling, int64_t head_dim, int64_t positions, at::Device device);
  /// cos and sin [length, headDim / 2] of positions start .. start + length - 1.
  Rotation range(int64_t start, int64_t length) const;
  /// cos and sin [rows, 1, 1, headDim / 2] of one position a row; `positions` int64 [rows].
  Rotation gather(const at::Tensor& positions) const;

 private:
  at::Tensor cos_;  // [maxPositionEmbeddings, headDim / 2]
  at::Tensor sin_;
};

/// The rotations of one step by kind of layer.
struct LayerRotations {
  Rotation global, local;
  const Rotation& of(LayerRope rope) const;
};

/// The tables that the layers of a model ask for.
class RotaryTables {
 public:
  RotaryTables(const ModelConfig& config, at::Device device);
  LayerRotations range(int64_t start, int64_t length) const { return {global_.range(start, length), local_.range(start, length)}; }
  LayerRotations gather(const at::Tensor& positions) const { return {global_.gather(positions), local_.gather(positions)}; }

 private:
  Rotary global_, local_;
};

}  // namespace hyperfit
