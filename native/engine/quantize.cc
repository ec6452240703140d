#include "engine/quantize.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/dequantize.h"
#include "engine/error.h"
#include "engine/half_bits.h"
#include "engine/quantize_k.h"

// Compiled with -ffp-contract=off, as engine/dequantize.cc is: every product is rounded before it is added to.
namespace hyperfit {
namespace {

constexpr int kBlock = 32;

void encode_f32(const float* values, int64_t count, uint8_t* out) { std::memcpy(out, values, count * sizeof(float)); }

void encode_f16(const float* values, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) put_half(out + 2 * i, values[i]);
}

/// Ties to even.
void encode_bf16(const float* values, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof(bits));
    const auto rounded = static_cast<uint16_t>((uint64_t{bits} + 0x7fff + (bits >> 16 & 1)) >> 16);
    std::memcpy(out + 2 * i, &rounded, sizeof(rounded));
  }
}

float inverse(float d) { return d == 0 ? 0.0f : 1.0f / d; }

/// Also of what is no number: the inverse of a scale below 2^-128 is infinite.
float within(float value, float least, float most) { return value > least ? std::min(value, most) : least; }

// [d: half][32 x int8]; halves are rounded away from zero.
void encode_q8_0(const float* values, uint8_t* block) {
  float largest = 0;
  for (int i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(values[i]));
  const float d = largest / 127;
  const float id = inverse(d);
  put_half(block, d);
  for (int i = 0; i < kBlock; ++i) block[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(within(std::round(values[i] * id), -127, 127)));
}

/// The first of the elements that are largest in magnitude, with its sign: it falls on the end of the grid that has no opposite.
float extreme_of(const float* values) {
  float extreme = 0;
  for (int i = 0; i < kBlock; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  return extreme;
}

/// The two halves of 32 numbers below 16 side by side in sixteen bytes.
void put_nibbles(const std::array<uint8_t, kBlock>& quants, uint8_t* out) {
  for (int i = 0; i < 16; ++i) out[i] = static_cast<uint8_t>((quants[i] & 15) | (quants[i + 16] & 15) << 4);
}

/// The fifth bit of each.
void put_high_bits(const std::array<uint8_t, kBlock>& quants, uint8_t* out) {
  uint32_t high = 0;
  for (int i = 0; i < kBlock; ++i) high |= static_cast<uint32_t>(quants[i] >> 4 & 1) << i;
  std::memcpy(out, &high, sizeof(high));
}

/// value / d + offset, cut to a whole number of at most `most`. `offset` is half a step above the grid's zero.
std::array<uint8_t, kBlock> round_all(const float* values, float id, float offset, float most, float shift = 0) {
  std::array<uint8_t, kBlock> quants;
  for (int i = 0; i < kBlock; ++i) quants[i] = static_cast<uint8_t>(within((values[i] - shift) * id + offset, 0, most));
  return quants;
}

// [d: half][16 bytes of nibbles]
void encode_q4_0(const float* values, uint8_t* block) {
  const float d = extreme_of(values) / -8;
  put_half(block, d);
  put_nibbles(round_all(values, inverse(d), 8.5f, 15), block + 2);
}

// [d: half][m: half][16 bytes of nibbles]
void encode_q4_1(const float* values, uint8_t* block) {
  const auto [low, high] = std::minmax_element(values, values + kBlock);
  const float d = (*high - *low) / 15;
  put_half(block, d);
  put_half(block + 2, *low);
  put_nibbles(round_all(values, inverse(d), 0.5f, 15, *low), block + 4);
}

// [d: half][32 high bits][16 bytes of nibbles]
void encode_q5_0(const float* values, uint8_t* block) {
  const float d = extreme_of(values) / -16;
  const auto quants = round_all(values, inverse(d), 16.5f, 31);
  put_half(block, d);
  put_high_bits(quants, block + 2);
  put_nibbles(quants, block + 6);
}

// [d: half][m: half][32 high bits][16 bytes of nibbles]
void encode_q5_1(const float* values, uint8_t* block) {
  const auto [low, high] = std::minmax_element(values, values + kBlock);
  const float d = (*high - *low) / 31;
  const auto quants = round_all(values, inverse(d), 0.5f, 31, *low);
  put_half(block, d);
  put_half(block + 2, *low);
  put_high_bits(quants, block + 4);
  put_nibbles(quants, block + 8);
}

template <int64_t elements, int64_t bytes, void (*encode_block)(const float*, uint8_t*)>
void encode_blocks(const float* values, int64_t blocks, uint8_t* out) {
  for (int64_t b = 0; b < blocks; ++b) encode_block(values + b * elements, out + b * bytes);
}

template <int64_t elements, int64_t bytes, void (*encode_block)(const float*, uint8_t*)>
constexpr BlockEncoder blocks_of(const char* type) {
  return {type, elements, bytes, encode_blocks<elements, bytes, encode_block>};
}

constexpr std::array ENCODERS = {
    BlockEncoder{"F32", 1, 4, encode_f32},
    BlockEncoder{"F16", 1, 2, encode_f16},
    BlockEncoder{"BF16", 1, 2, encode_bf16},
    blocks_of<kBlock, 34, encode_q8_0>("Q8_0"),
    blocks_of<kBlock, 18, encode_q4_0>("Q4_0"),
    blocks_of<kBlock, 20, encode_q4_1>("Q4_1"),
    blocks_of<kBlock, 22, encode_q5_0>("Q5_0"),
    blocks_of<kBlock, 24, encode_q5_1>("Q5_1"),
    blocks_of<kSuperBlock, kQ4KBytes, encode_q4_k>("Q4_K"),
    blocks_of<kSuperBlock, kQ5KBytes, encode_q5_k>("Q5_K"),
    blocks_of<kSuperBlock, kQ6KBytes, encode_q6_k>("Q6_K"),
};

bool all_finite(const float* values, int64_t count) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t others = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof(bits));
    others |= static_cast<uint32_t>((bits & kExponent) == kExponent);
  }
  return others == 0;
}

/// Numbers that are encoded and decoded at once: they and their bytes stay in the nearest cache.
constexpr int64_t kPiece = 1 << 11;

}  // namespace

const BlockEncoder& block_encoder(const std::string& type) {
  std::string names;
  for (const BlockEncoder& encoder : ENCODERS) {
    if (type == encoder.type) return encoder;
    if (!names.empty()) names += ' ';
    names += encoder.type;
  }
  throw Error("ERR_CONFIG", "expected one of " + names + " for `type`, got " + type + "; choose one of them");
}

void quantize(const BlockEncoder& encoder, const float* values, int64_t blocks, uint8_t* out) {
  const int64_t grain = std::max<int64_t>(1, (1 << 13) / encoder.elements);
  at::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    encoder.encode(values + begin * encoder.elements, end - begin, out + begin * encoder.bytes);
  });
}

bool quantize_and_back(const BlockEncoder& encoder, const float* values, int64_t blocks, float* out) {
  const BlockFormat& format = block_format(encoder.type);
  const int64_t piece = std::max<int64_t>(1, kPiece / encoder.elements), grain = std::max<int64_t>(1, (1 << 13) / encoder.elements);
  std::atomic<bool> finite{true};
  at::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> bytes(piece * encoder.bytes);
    for (int64_t at = begin; at < end; at += piece) {
      const int64_t count = std::min(piece, end - at), elements = count * encoder.elements;
      const float* from = values + at * encoder.elements;
      float* to = out + at * encoder.elements;
      encoder.encode(from, count, bytes.data());
      format.decode(bytes.data(), count, to);
      if (!all_finite(from, elements) || !all_finite(to, elements)) finite = false;
    }
  });
  return finite;
}

}  // namespace hyperfit
