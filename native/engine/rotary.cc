#include "engine/rotary.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/enabled.h"
#include "kernels/rotate.h"

namespace hyperfit {
namespace {

// "Llama 3.1" scaling: low frequencies divided by `factor`, high ones kept, a linear blend between.
// Source: _compute_llama3_parameters of transformers' modeling_rope_utils.
double scale_llama3(double frequency, const RopeScaling& s) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double longest = s.original_max_position_embeddings / s.low_freq_factor;
  const double shortest = s.original_max_position_embeddings / s.high_freq_factor;
  if (wavelength > longest) return frequency / s.factor;
  if (wavelength < shortest) return frequency;
  const double smooth =
      (s.original_max_position_embeddings / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

std::vector<float> inverse_frequencies(const ModelConfig& config) {
  std::vector<float> frequencies;
  for (int64_t pair = 0; pair < config.head_dim / 2; ++pair) {
    double frequency = 1.0 / std::pow(config.rope_theta, 2.0 * pair / config.head_dim);
    if (config.rope_scaling.type == RopeScaling::Type::linear) frequency /= config.rope_scaling.factor;
    if (config.rope_scaling.type == RopeScaling::Type::llama3) frequency = scale_llama3(frequency, config.rope_scaling);
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

kernels::HeadLayout layout(const at::Tensor& heads) { return {heads.stride(0), heads.stride(1), heads.stride(2)}; }

bool fits_kernel(const at::Tensor& heads) {
  return heads.is_cpu() && heads.scalar_type() == at::kFloat && heads.dim() == 4 && heads.stride(3) == 1;
}

// False where the kernel cannot: another device or type, or a layout with a gap inside a head.
bool rotate_by_kernel(const at::Tensor& out, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, float sign) {
  if (!kernels::enabled() || !fits_kernel(out) || !fits_kernel(x)) return false;
  // [T, half], the same for every row, or [B, 1, 1, half], one position a row.
  const bool per_row = cos.dim() == 4;
  kernels::rotate_heads({out.data_ptr<float>(), layout(out), x.data_ptr<float>(), layout(x), cos.data_ptr<float>(),
                         sin.data_ptr<float>(), per_row ? cos.stride(0) : 0, per_row ? 0 : cos.stride(0), x.size(0), x.size(1),
                         x.size(2), x.size(3) / 2, sign});
  return true;
}

}  // namespace

Rotary::Rotary(const ModelConfig& config, at::Device device) {
  at::Tensor frequencies = at::tensor(inverse_frequencies(config));
  at::Tensor positions = at::arange(config.max_position_embeddings, at::kFloat);
  at::Tensor angles = positions.unsqueeze(1).mul(frequencies.unsqueeze(0));  // float32, as the reference does
  cos_ = angles.cos().to(device);
  sin_ = angles.sin().to(device);
}

std::pair<at::Tensor, at::Tensor> Rotary::range(int64_t start, int64_t length) const {
  return {cos_.narrow(0, start, length), sin_.narrow(0, start, length)};
}

std::pair<at::Tensor, at::Tensor> Rotary::gather(const at::Tensor& positions) const {
  auto rows = [&](const at::Tensor& table) { return table.index_select(0, positions).unsqueeze(1).unsqueeze(1); };
  return {rows(cos_), rows(sin_)};
}

void rotate(at::Tensor out, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (rotate_by_kernel(out, x, cos, sin, 1)) return;
  const int64_t half = x.size(-1) / 2;
  at::Tensor first = out.narrow(-1, 0, half), second = out.narrow(-1, half, half);
  at::Tensor x1 = x.narrow(-1, 0, half), x2 = x.narrow(-1, half, half);
  at::mul_out(first, x1, cos);
  first.addcmul_(x2, sin, -1);
  at::mul_out(second, x2, cos);
  second.addcmul_(x1, sin);
}

void rotate_backward(at::Tensor dx, const at::Tensor& dout, const at::Tensor& cos, const at::Tensor& sin) {
  if (rotate_by_kernel(dx, dout, cos, sin, -1)) return;
  const int64_t half = dx.size(-1) / 2;
  at::Tensor dx1 = dx.narrow(-1, 0, half), dx2 = dx.narrow(-1, half, half);
  at::Tensor d1 = dout.narrow(-1, 0, half), d2 = dout.narrow(-1, half, half);
  at::mul_out(dx1, d1, cos);
  dx1.addcmul_(d2, sin);
  at::mul_out(dx2, d2, cos);
  dx2.addcmul_(d1, sin, -1);
}

}  // namespace hyperfit
