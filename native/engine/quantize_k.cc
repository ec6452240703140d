#include "engine/quantize_k.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/half_bits.h"

// Within a super-block of 256 numbers each group of 32 (Q4_K, Q5_K) or 16 (Q6_K) has a scale, itself rounded to a common one. The
// scales are searched for: a least-squares fit for each of a few trial roundings, the best kept. What is minimised, which roundings
// are tried and in which order sums are taken follow ggml (ggml-quants.c, quantize_row_q*_K_ref), so that the bits agree.
// Compiled with -ffp-contract=off.
namespace hyperfit {
namespace {

constexpr int kGroups = 8;
constexpr int kGroup = 32;
constexpr int kSmallGroups = 16;
constexpr int kSmallGroup = 16;
constexpr float kNothing = 1e-15f;

/// To the nearest whole number, ties to even: adding 1.5 * 2^23 leaves no bits below one.
int nearest(float value) {
  const float shifted = value + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  return (bits & 0x007fffff) - 0x00400000;
}

int nearest_within(float value, int least, int most) { return std::clamp(nearest(value), least, most); }

using GroupQuants = std::array<int, kGroup>;

/// value = scale * q - lowest.
struct Affine {
  float scale;
  /// Never negative.
  float lowest;
  GroupQuants q;
};

/// What weighted least squares needs to know of one group.
struct GroupSums {
  float low, high, weight, value;
};

GroupSums sum_group(const float* x, const float* weights) {
  GroupSums sums{x[0], x[0], weights[0], weights[0] * x[0]};
  for (int i = 1; i < kGroup; ++i) {
    sums.low = std::min(sums.low, x[i]);
    sums.high = std::max(sums.high, x[i]);
    sums.weight += weights[i];
    sums.value += weights[i] * x[i];
  }
  sums.low = std::min(sums.low, 0.0f);
  return sums;
}

float squared_error(const float* x, const float* weights, const GroupQuants& q, float scale, float offset) {
  float error = 0;
  for (int i = 0; i < kGroup; ++i) {
    const float difference = scale * static_cast<float>(q[i]) + offset - x[i];
    error += weights[i] * (difference * difference);
  }
  return error;
}

GroupQuants round_group(const float* x, float inverse_scale, float low, int most) {
  GroupQuants q;
  for (int i = 0; i < kGroup; ++i) q[i] = nearest_within(inverse_scale * (x[i] - low), 0, most);
  return q;
}

/// The scale and offset that fit `q` best; no scale where all of `q` are alike.
struct Fit {
  bool found;
  float scale;
  float offset;
};

Fit fit_group(const float* x, const float* weights, const GroupQuants& q, const GroupSums& sums) {
  float of_q = 0, of_square = 0, of_product = 0;
  for (int i = 0; i < kGroup; ++i) {
    const float weighted = weights[i] * static_cast<float>(q[i]);
    of_q += weighted;
    of_square += weighted * static_cast<float>(q[i]);
    of_product += weighted * x[i];
  }
  const float determinant = sums.weight * of_square - of_q * of_q;
  if (!(determinant > 0)) return {false, 0, 0};
  const float scale = (sums.weight * of_product - sums.value * of_q) / determinant;
  const float offset = (of_square * sums.value - of_q * of_product) / determinant;
  if (offset > 0) return {true, of_product / of_square, 0};
  return {true, scale, offset};
}

/// Tries `trials` + 1 grids of `most` steps and up to `first` fewer, a tenth of a step apart.
Affine search_affine(const float* x, const float* weights, int most, float first, int trials) {
  const GroupSums sums = sum_group(x, weights);
  if (sums.high == sums.low) return {0, -sums.low, {}};
  const float inverse_scale = static_cast<float>(most) / (sums.high - sums.low);
  float scale = 1 / inverse_scale, offset = sums.low;
  GroupQuants kept = round_group(x, inverse_scale, offset, most);
  float best = squared_error(x, weights, kept, scale, offset);
  // The grid that is rounded on moves along with the best fit, as in ggml.
  for (int trial = 0; trial <= trials; ++trial) {
    const float steps = first + 0.1f * static_cast<float>(trial) + static_cast<float>(most);
    const auto q = round_group(x, steps / (sums.high - offset), offset, most);
    const Fit fit = fit_group(x, weights, q, sums);
    if (!fit.found) continue;
    const float error = squared_error(x, weights, q, fit.scale, fit.offset);
    if (!(error < best)) continue;
    best = error;
    scale = fit.scale;
    offset = fit.offset;
    kept = q;
  }
  return {scale, -offset, kept};
}

/// Larger numbers count for more.
std::array<float, kGroup> weigh(const float* x) {
  float squares = 0;
  for (int i = 0; i < kGroup; ++i) squares += x[i] * x[i];
  const float average = std::sqrt(squares / kGroup);
  std::array<float, kGroup> weights;
  for (int i = 0; i < kGroup; ++i) weights[i] = average + std::fabs(x[i]);
  return weights;
}

/// Six-bit factors of eight scales and eight offsets in twelve bytes; engine/dequantize.cc unpacks them.
void put_factors(const std::array<int, kGroups>& scales, const std::array<int, kGroups>& lowest, uint8_t* out) {
  for (int j = 0; j < 4; ++j) {
    out[j] = static_cast<uint8_t>(scales[j] | scales[j + 4] >> 4 << 6);
    out[j + 4] = static_cast<uint8_t>(lowest[j] | lowest[j + 4] >> 4 << 6);
    out[j + 8] = static_cast<uint8_t>((scales[j + 4] & 15) | (lowest[j + 4] & 15) << 4);
  }
}

using Quants = std::array<uint8_t, kSuperBlock>;

struct AffineBlock {
  std::array<int, kGroups> scales, lowest;
  uint8_t header[4];
  Quants quants;
};

/// Scales and offsets of all groups, both rounded to 63rds of the largest of their kind, and the numbers rounded on what came of it.
AffineBlock encode_affine(const float* x, int most, float first, int trials) {
  AffineBlock block;
  std::array<Affine, kGroups> groups;
  float largest_scale = 0, largest_lowest = 0;
  for (int j = 0; j < kGroups; ++j) {
    groups[j] = search_affine(x + kGroup * j, weigh(x + kGroup * j).data(), most, first, trials);
    largest_scale = std::max(largest_scale, groups[j].scale);
    largest_lowest = std::max(largest_lowest, groups[j].lowest);
  }
  const float per_scale = largest_scale > 0 ? 63.0f / largest_scale : 0.0f;
  const float per_lowest = largest_lowest > 0 ? 63.0f / largest_lowest : 0.0f;
  put_half(block.header, largest_scale / 63.0f);
  put_half(block.header + 2, largest_lowest / 63.0f);
  const float d = half_value(half_bits(largest_scale / 63.0f)), dmin = half_value(half_bits(largest_lowest / 63.0f));
  for (int j = 0; j < kGroups; ++j) {
    block.scales[j] = std::min(63, nearest(per_scale * groups[j].scale) & 255);
    block.lowest[j] = std::min(63, nearest(per_lowest * groups[j].lowest) & 255);
    const float scale = d * static_cast<float>(block.scales[j]);
    const float lowest = dmin * static_cast<float>(block.lowest[j]);
    uint8_t* q = block.quants.data() + kGroup * j;
    for (int i = 0; i < kGroup; ++i) {
      // A group whose scale came out as zero keeps what its search had rounded to, as in ggml.
      q[i] = static_cast<uint8_t>(scale == 0 ? groups[j].q[i] : nearest_within((x[kGroup * j + i] + lowest) / scale, 0, most));
    }
  }
  return block;
}

/// Sub-block 2k in the low nibbles of 32 bytes, 2k + 1 in the high ones.
void put_low_nibbles(const Quants& q, uint8_t* out) {
  for (int pair = 0; pair < kGroups / 2; ++pair) {
    for (int i = 0; i < kGroup; ++i) {
      out[kGroup * pair + i] = static_cast<uint8_t>((q[2 * kGroup * pair + i] & 15) | (q[2 * kGroup * pair + kGroup + i] & 15) << 4);
    }
  }
}

/// scale * (q - 32), with q from 0 to 63.
struct Symmetric {
  float scale = 0;
  std::array<int, kSmallGroup> q = {};
};

/// One trial grid of the scale search: least squares, weighted by the squares of the numbers.
struct SymmetricFit {
  float of_product = 0;
  float of_square = 0;
  std::array<int, kSmallGroup> q;
};

SymmetricFit fit_small(const float* x, float inverse_scale) {
  SymmetricFit fit;
  for (int i = 0; i < kSmallGroup; ++i) {
    const int q = nearest_within(inverse_scale * x[i], -32, 31);
    const float weight = x[i] * x[i];
    fit.of_product += weight * x[i] * static_cast<float>(q);
    fit.of_square += weight * static_cast<float>(q) * static_cast<float>(q);
    fit.q[i] = q + 32;
  }
  return fit;
}

Symmetric search_symmetric(const float* x) {
  float extreme = 0;
  for (int i = 0; i < kSmallGroup; ++i) {
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  }
  if (std::fabs(extreme) < kNothing) return {};
  const SymmetricFit first = fit_small(x, -32.0f / extreme);
  Symmetric found{first.of_square != 0 ? first.of_product / first.of_square : 0.0f, first.q};
  float best = found.scale * first.of_product;
  for (int trial = -9; trial <= 9; ++trial) {
    if (trial == 0) continue;
    const SymmetricFit fit = fit_small(x, -(32.0f + 0.1f * static_cast<float>(trial)) / extreme);
    if (!(fit.of_square > 0 && fit.of_product * fit.of_product > best * fit.of_square)) continue;
    found = {fit.of_product / fit.of_square, fit.q};
    best = found.scale * fit.of_product;
  }
  return found;
}

/// Nibbles, then the two bits above them, of 256 numbers below 64: halves of 128, in each four rows of 32.
void put_six_bits(const Quants& q, uint8_t* block) {
  std::memset(block, 0, 192);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int half = i / 128, row = i % 128 / 32, column = i % 32;
    block[64 * half + 32 * (row % 2) + column] |= static_cast<uint8_t>((q[i] & 15) << 4 * (row / 2));
    block[128 + 32 * half + column] |= static_cast<uint8_t>(q[i] >> 4 << 2 * row);
  }
}

}  // namespace

// [d: half][dmin: half][12 bytes of factors][128 bytes of nibbles]
void encode_q4_k(const float* values, uint8_t* block) {
  const AffineBlock found = encode_affine(values, 15, -1.0f, 20);
  std::memcpy(block, found.header, 4);
  put_factors(found.scales, found.lowest, block + 4);
  put_low_nibbles(found.quants, block + 16);
}

// [d: half][dmin: half][12 bytes of factors][32 bytes: bit j is the fifth of sub-block j][128 bytes as in Q4_K]
void encode_q5_k(const float* values, uint8_t* block) {
  const AffineBlock found = encode_affine(values, 31, -0.5f, 15);
  std::memcpy(block, found.header, 4);
  put_factors(found.scales, found.lowest, block + 4);
  std::memset(block + 16, 0, kGroup);
  for (int i = 0; i < kSuperBlock; ++i) block[16 + i % kGroup] |= static_cast<uint8_t>(found.quants[i] >> 4 << i / kGroup);
  put_low_nibbles(found.quants, block + 48);
}

// [128 bytes of nibbles][64 bytes of two high bits][16 x int8 scales][d: half]
void encode_q6_k(const float* values, uint8_t* block) {
  std::array<Symmetric, kSmallGroups> groups;
  float extreme = 0;
  for (int j = 0; j < kSmallGroups; ++j) {
    groups[j] = search_symmetric(values + kSmallGroup * j);
    if (std::fabs(groups[j].scale) > std::fabs(extreme)) extreme = groups[j].scale;
  }
  if (std::fabs(extreme) < kNothing) {
    std::memset(block, 0, kQ6KBytes);
    return;
  }
  const float inverse_scale = -128.0f / extreme;
  const float d = half_value(half_bits(1 / inverse_scale));
  Quants quants;
  for (int j = 0; j < kSmallGroups; ++j) {
    const int factor = std::min(127, nearest(inverse_scale * groups[j].scale));
    block[192 + j] = static_cast<uint8_t>(factor);
    const float scale = d * static_cast<float>(static_cast<int8_t>(factor));
    for (int i = 0; i < kSmallGroup; ++i) {
      const int at = kSmallGroup * j + i;
      quants[at] = static_cast<uint8_t>(scale == 0 ? groups[j].q[i] : nearest_within(values[at] / scale, -32, 31) + 32);
    }
  }
  put_six_bits(quants, block);
  put_half(block + 208, 1 / inverse_scale);
}

}  // namespace hyperfit
