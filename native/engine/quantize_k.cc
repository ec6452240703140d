#include "engine/quantize_k.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/group_search.h"
#include "engine/half_bits.h"

// Within a super-block of 256 numbers each group of 32 (Q4_K, Q5_K) or 16 (Q6_K) has a scale, itself rounded to a common one; how
// scales are found is in group_search.h.
// Compiled with -ffp-contract=off.
namespace hyperfit {
namespace {

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
  std::array<Affine, kGroups / kLanes> parts;
  for (int part = 0; part < kGroups / kLanes; ++part) search_affine(parts[part], x + kGroup * kLanes * part, most, first, trials);
  float largest_scale = 0, largest_lowest = 0;
  for (int j = 0; j < kGroups; ++j) {
    largest_scale = std::max<float>(largest_scale, parts[j / kLanes].scale[j % kLanes]);
    largest_lowest = std::max<float>(largest_lowest, parts[j / kLanes].lowest[j % kLanes]);
  }
  const float per_scale = largest_scale > 0 ? 63.0f / largest_scale : 0.0f;
  const float per_lowest = largest_lowest > 0 ? 63.0f / largest_lowest : 0.0f;
  put_half(block.header, largest_scale / 63.0f);
  put_half(block.header + 2, largest_lowest / 63.0f);
  const float d = half_value(half_bits(largest_scale / 63.0f)), dmin = half_value(half_bits(largest_lowest / 63.0f));
  for (int j = 0; j < kGroups; ++j) {
    const Affine& found = parts[j / kLanes];
    const int lane = j % kLanes;
    block.scales[j] = std::min(63, nearest(per_scale * found.scale[lane]) & 255);
    block.lowest[j] = std::min(63, nearest(per_lowest * found.lowest[lane]) & 255);
    const float scale = d * static_cast<float>(block.scales[j]);
    const float lowest = dmin * static_cast<float>(block.lowest[j]);
    uint8_t* q = block.quants.data() + kGroup * j;
    for (int i = 0; i < kGroup; ++i) {
      // A group whose scale came out as zero keeps what its search had rounded to, as in ggml.
      q[i] = static_cast<uint8_t>(scale == 0 ? found.q[i][lane] : nearest_within((x[kGroup * j + i] + lowest) / scale, 0, most));
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
  std::array<Symmetric, kSmallGroups / kLanes> parts;
  for (int part = 0; part < kSmallGroups / kLanes; ++part) search_symmetric(parts[part], values + kSmallGroup * kLanes * part);
  float extreme = 0;
  for (int j = 0; j < kSmallGroups; ++j) {
    const float scale = parts[j / kLanes].scale[j % kLanes];
    if (std::fabs(scale) > std::fabs(extreme)) extreme = scale;
  }
  if (std::fabs(extreme) < kNothing) {
    std::memset(block, 0, kQ6KBytes);
    return;
  }
  const float inverse_scale = -128.0f / extreme;
  const float d = half_value(half_bits(1 / inverse_scale));
  Quants quants;
  for (int j = 0; j < kSmallGroups; ++j) {
    const Symmetric& found = parts[j / kLanes];
    const int lane = j % kLanes;
    const int factor = std::min(127, nearest(inverse_scale * found.scale[lane]));
    block[192 + j] = static_cast<uint8_t>(factor);
    const float scale = d * static_cast<float>(static_cast<int8_t>(factor));
    for (int i = 0; i < kSmallGroup; ++i) {
      const int at = kSmallGroup * j + i;
      quants[at] = static_cast<uint8_t>(scale == 0 ? found.q[i][lane] : nearest_within(values[at] / scale, -32, 31) + 32);
    }
  }
  put_six_bits(quants, block);
  put_half(block + 208, 1 / inverse_scale);
}

}  // namespace hyperfit
