#include "engine/rotary.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/tensor.h>

#include "engine/rotary_frequencies.h"
#include "kernels/enabled.h"
#include "kernels/rotate.h"

namespace hyperfit {
namespace {

kernels::HeadLayout layout(const at::Tensor& heads) { return {heads.stride(0), heads.stride(1), heads.stride(2)}; }

bool fits_kernel(const at::Tensor& heads) {
  const bool computes = heads.scalar_type() == at::kFloat || heads.scalar_type() == at::kBFloat16;
  return heads.is_cpu() && computes && heads.dim() == 4 && heads.stride(3) == 1;
}

// False where the kernel cannot: another device or type, or a layout with a gap inside a head.
bool rotate_by_kernel(const at::Tensor& out, const at::Tensor& x, const Rotation& rotation, float sign) {
  if (!kernels::enabled() || !fits_kernel(out) || !fits_kernel(x) || out.scalar_type() != x.scalar_type()) return false;
  // [T, half], the same for every row, or [B, 1, 1, half], one position a row.
  const at::Tensor &cos = rotation.cos, &sin = rotation.sin;
  const bool per_row = cos.dim() == 4;
  kernels::by_type(out, [&]<class T>(T* to) {
    kernels::rotate_heads<T>({to, layout(out), x.data_ptr<T>(), layout(x), cos.data_ptr<float>(), sin.data_ptr<float>(),
                              per_row ? cos.stride(0) : 0, per_row ? 0 : cos.stride(0), x.size(0), x.size(1), x.size(2),
                              x.size(3) / 2, sign});
  });
  return true;
}

}  // namespace

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
  auto table = [&](double theta, const RopeScaling& scaling) { return Rotary(theta, scaling, c.head_dim, c.max_position_embeddings, device); };
  if (c.has_rope(LayerRope::global)) global_ = table(c.rope_theta, c.rope_scaling);
  if (c.has_rope(LayerRope::local)) local_ = table(c.local_rope_theta, RopeScaling{});
}

void rotate(at::Tensor out, const at::Tensor& x, const Rotation& rotation) {
  if (!rotation.cos.defined()) {
    out.copy_(x);
    return;
  }
  if (rotate_by_kernel(out, x, rotation, 1)) return;
  const int64_t half = x.size(-1) / 2;
  at::Tensor first = out.narrow(-1, 0, half), second = out.narrow(-1, half, half);
  at::Tensor x1 = x.narrow(-1, 0, half), x2 = x.narrow(-1, half, half);
  at::mul_out(first, x1, rotation.cos);
  first.addcmul_(x2, rotation.sin, -1);
  at::mul_out(second, x2, rotation.cos);
  second.addcmul_(x1, rotation.sin);
}

void rotate_backward(at::Tensor dx, const at::Tensor& dout, const Rotation& rotation) {
  if (!rotation.cos.defined()) {
    dx.copy_(dout);
    return;
  }
  if (rotate_by_kernel(dx, dout, rotation, -1)) return;
  const int64_t half = dx.size(-1) / 2;
  at::Tensor dx1 = dx.narrow(-1, 0, half), dx2 = dx.narrow(-1, half, half);
  at::Tensor d1 = dout.narrow(-1, 0, half), d2 = dout.narrow(-1, half, half);
  at::mul_out(dx1, d1, rotation.cos);
  dx1.addcmul_(d2, rotation.sin);
  at::mul_out(dx2, d2, rotation.cos);
  dx2.addcmul_(d1, rotation.sin, -1);
}

}  // namespace hyperfit
