#include "engine/rotary_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

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

// The pair that turns `rotations` times within the original context, as a fraction of the pairs counted from 0.
double yarn_pair(double rotations, double theta, const RopeScaling& s, int64_t head_dim) {
  const double size = static_cast<double>(head_dim);
  return size * std::log(s.original_max_position_embeddings / (rotations * 2 * std::numbers::pi)) / (2 * std::log(theta));
}

// YaRN (Peng et al. 2023): a ramp over the pairs, from frequencies kept to frequencies divided by `factor`.
double scale_yarn(double frequency, int64_t pair, double theta, const RopeScaling& s, int64_t head_dim) {
  double low = yarn_pair(s.beta_fast, theta, s, head_dim), high = yarn_pair(s.beta_slow, theta, s, head_dim);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(head_dim - 1));
  if (low == high) high += 0.001;
  const double divided = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return divided * frequency / s.factor + (1 - divided) * frequency;
}

double scaled(double frequency, int64_t pair, double theta, const RopeScaling& s, int64_t head_dim) {
  switch (s.type) {
    case RopeScaling::Type::standard:
      return frequency;
    case RopeScaling::Type::linear:
      return frequency / s.factor;
    case RopeScaling::Type::llama3:
      return scale_llama3(frequency, s);
    case RopeScaling::Type::yarn:
      return scale_yarn(frequency, pair, theta, s, head_dim);
  }
  return frequency;
}

}  // namespace

std::vector<float> rotary_frequencies(double theta, const RopeScaling& scaling, int64_t head_dim) {
  std::vector<float> frequencies;
  for (int64_t pair = 0; pair < head_dim / 2; ++pair) {
    const double plain = 1.0 / std::pow(theta, 2.0 * pair / head_dim);
    frequencies.push_back(static_cast<float>(scaled(plain, pair, theta, scaling, head_dim)));
  }
  return frequencies;
}

}  // namespace hyperfit
