#pragma once
#include <ATen/core/Tensor.h>

#include "engine/model_config.h"

namespace hyperfit {

/// Rotary position embedding (Su et al. 2021) in the half-split layout of Hugging Face: the first half of a head pairs
/// with the second.
class Rotary {
 public:
  Rotary(const ModelConfig& config, at::Device device);
  /// cos and sin [length, headDim / 2] of positions start .. start + length - 1.
  std::pair<at::Tensor, at::Tensor> range(int64_t start, int64_t length) const;
  /// cos and sin [rows, 1, 1, headDim / 2] of one position a row; `positions` int64 [rows].
  std::pair<at::Tensor, at::Tensor> gather(const at::Tensor& positions) const;

 private:
  at::Tensor cos_;  // [maxPositionEmbeddings, headDim / 2]
  at::Tensor sin_;
};

/// out = x turned by the angles; `x` and `out` [..., headDim] of the same shape, any strides, not the same memory.
void rotate(at::Tensor out, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
/// The backward of `rotate`: a turn by the negative angles.
void rotate_backward(at::Tensor dx, const at::Tensor& dout, const at::Tensor& cos, const at::Tensor& sin);

}  // namespace hyperfit
