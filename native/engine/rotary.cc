#include "engine/rotary.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include "engine/rotary_frequencies.h"

namespace hyperfit {

Rotary::Rotary(double theta, const RopeScaling& scaling, int64_t head_dim, int64_t positions, at::Device device) {
  at::Tensor frequencies = at::tensor(rotary_frequencies(theta, scaling, head_dim));
  // In float32, as the reference does.
  at::Tensor angles = at::arange(positions, at::kFloat).unsqueeze(1).mul(frequencies.unsqueeze(0));
  cos_ = angles.cos().mul_(scaling.attention_factor).to(device);
  sin_ = angles.sin().mul_(scaling.attention_factor).to(device);
}

Rotation Rotary::range(int64_t start, int64_t length) const {
  if (!cos_.defined()) return {};
  return {cos_.narrow(0, start, length), sin_.narrow(0, start, length)};
}

Rotation Rotary::gather(const at::Tensor& positions) const {
  if (!cos_.defined()) return {};
  auto rows = [&](const at::Tensor& table) { return table.index_select(0, positions).unsqueeze(1).unsqueeze(1); };
  return {rows(cos_), rows(sin_)};
}

const Rotation& LayerRotations::of(LayerRope rope) const {
  static const Rotation kNone;
  if (rope == LayerRope::none) return kNone;
  return rope == LayerRope::local ? local : global;
}

RotaryTables::RotaryTables(const ModelConfig& c, at::Device device) {
  auto table = [&](double theta, const RopeScaling& scaling) {
    return Rotary(theta, scaling, c.head_dim, c.max_position_embeddings, device);
  };
  if (c.has_rope(LayerRope::global)) global_ = table(c.rope_theta, c.rope_scaling);
  if (c.has_rope(LayerRope::local)) local_ = table(c.local_rope_theta, RopeScaling{});
}

}  // namespace hyperfit
