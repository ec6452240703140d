#include "engine/dequantize.h"

#include <ATen/Parallel.h>

#include <array>
#include <cstring>

#include "engine/error.h"

// Layouts: ggml's block structs (ggml-common.h); values: the Python package `gguf` (quants.py). This file is compiled
// with -ffp-contract=off: a fused multiply-add rounds once where the definition rounds twice.
namespace hyperfit {
namespace {

template <class T>
T read(const uint8_t* data) {
  T value;
  std::memcpy(&value, data, sizeof(T));
  return value;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 31;
  const uint32_t mantissa = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal, exact in float32
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
  const uint32_t bits = sign | wide_exponent << 23 | mantissa << 13;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

float read_half(const uint8_t* data) { return half_to_float(read<uint16_t>(data)); }

void decode_f32(const uint8_t* data, int64_t count, float* out) { std::memcpy(out, data, count * sizeof(float)); }

void decode_f64(const uint8_t* data, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(read<double>(data + 8 * i));
}

void decode_f16(const uint8_t* data, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = read_half(data + 2 * i);
}

void decode_bf16(const uint8_t* data, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = static_cast<uint32_t>(read<uint16_t>(data + 2 * i)) << 16;
    std::memcpy(out + i, &bits, sizeof(bits));
  }
}

/// Element i of 32 in sixteen bytes: low nibbles first, then high nibbles.
int nibble(const uint8_t* quants, int i) { return i < 16 ? quants[i] & 15 : quants[i - 16] >> 4; }

// [d: half][32 x int8]
void decode_q8_0(const uint8_t* block, float* out) {
  const float d = read_half(block);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * d;
}

// [d: half][16 bytes of nibbles]
void decode_q4_0(const uint8_t* block, float* out) {
  const float d = read_half(block);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(nibble(block + 2, i) - 8);
}

// [d: half][m: half][16 bytes of nibbles]
void decode_q4_1(const uint8_t* block, float* out) {
  const float d = read_half(block);
  const float m = read_half(block + 2);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(nibble(block + 4, i)) + m;
}

/// Five bits: bit i of `high` above the nibble.
int five_bits(const uint8_t* quants, uint32_t high, int i) { return nibble(quants, i) | static_cast<int>(high >> i & 1) << 4; }

// [d: half][32 high bits][16 bytes of nibbles]
void decode_q5_0(const uint8_t* block, float* out) {
  const float d = read_half(block);
  const auto high = read<uint32_t>(block + 2);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(block + 6, high, i) - 16);
}

// [d: half][m: half][32 high bits][16 bytes of nibbles]
void decode_q5_1(const uint8_t* block, float* out) {
  const float d = read_half(block);
  const float m = read_half(block + 2);
  const auto high = read<uint32_t>(block + 4);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(five_bits(block + 8, high, i)) + m;
}

struct ScaleAndMin {
  float scale;
  float min;
};

/// Sub-block j of eight of a K block: d and dmin (halves at the block's start) times six-bit factors packed in twelve bytes.
ScaleAndMin scale_and_min(const uint8_t* block, int j) {
  const uint8_t* packed = block + 4;
  int scale = packed[j % 4];
  int min = packed[j % 4 + 4];
  if (j < 4) {
    scale &= 63;
    min &= 63;
  } else {
    const int low = packed[j + 4];
    scale = (low & 15) | (scale >> 6) << 4;
    min = low >> 4 | (min >> 6) << 4;
  }
  return {read_half(block) * static_cast<float>(scale), read_half(block + 2) * static_cast<float>(min)};
}

// [d: half][dmin: half][12 bytes of factors][4 x 32 bytes: sub-block 2k in the low nibbles, 2k + 1 in the high ones]
void decode_q4_k(const uint8_t* block, float* out) {
  for (int j = 0; j < 8; ++j) {
    const auto [scale, min] = scale_and_min(block, j);
    const uint8_t* quants = block + 16 + 32 * (j / 2);
    for (int i = 0; i < 32; ++i) out[32 * j + i] = scale * static_cast<float>(quants[i] >> 4 * (j % 2) & 15) - min;
  }
}

// [d: half][dmin: half][12 bytes of factors][32 bytes: bit j is the high bit of sub-block j][128 bytes as in Q4_K]
void decode_q5_k(const uint8_t* block, float* out) {
  const uint8_t* high = block + 16;
  for (int j = 0; j < 8; ++j) {
    const auto [scale, min] = scale_and_min(block, j);
    const uint8_t* quants = block + 48 + 32 * (j / 2);
    for (int i = 0; i < 32; ++i) {
      const int q = (quants[i] >> 4 * (j % 2) & 15) | (high[i] >> j & 1) << 4;
      out[32 * j + i] = scale * static_cast<float>(q) - min;
    }
  }
}

// [128 bytes of nibbles][64 bytes of two high bits][16 x int8 scales][d: half]; two halves of 128 elements, each four
// rows of 32: nibbles low (rows 0, 1) or high (rows 2, 3) of 64 bytes, high bits at 2 * row of 32 bytes.
void decode_q6_k(const uint8_t* block, float* out) {
  const float d = read_half(block + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, row = i % 128 / 32, column = i % 32;
    const int low = block[64 * half + 32 * (row % 2) + column] >> 4 * (row / 2) & 15;
    const int high = block[128 + 32 * half + column] >> 2 * row & 3;
    const auto scale = static_cast<float>(static_cast<int8_t>(block[192 + i / 16]));
    out[i] = d * scale * static_cast<float>((low | high << 4) - 32);
  }
}

template <int64_t elements, int64_t bytes, void (*decode_block)(const uint8_t*, float*)>
void decode_blocks(const uint8_t* data, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b) decode_block(data + b * bytes, out + b * elements);
}

template <int64_t elements, int64_t bytes, void (*decode_block)(const uint8_t*, float*)>
constexpr BlockFormat blocks_of(const char* type) {
  return {type, elements, bytes, decode_blocks<elements, bytes, decode_block>};
}

constexpr std::array FORMATS = {
    BlockFormat{"F32", 1, 4, decode_f32},
    BlockFormat{"F16", 1, 2, decode_f16},
    BlockFormat{"BF16", 1, 2, decode_bf16},
    BlockFormat{"F64", 1, 8, decode_f64},
    blocks_of<32, 34, decode_q8_0>("Q8_0"),
    blocks_of<32, 18, decode_q4_0>("Q4_0"),
    blocks_of<32, 20, decode_q4_1>("Q4_1"),
    blocks_of<32, 22, decode_q5_0>("Q5_0"),
    blocks_of<32, 24, decode_q5_1>("Q5_1"),
    blocks_of<256, 144, decode_q4_k>("Q4_K"),
    blocks_of<256, 176, decode_q5_k>("Q5_K"),
    blocks_of<256, 210, decode_q6_k>("Q6_K"),
};

std::string supported_types() {
  std::string names;
  for (const BlockFormat& format : FORMATS) names += (names.empty() ? "" : " ") + std::string(format.type);
  return names;
}

}  // namespace

const BlockFormat& block_format(const std::string& type) {
  for (const BlockFormat& format : FORMATS) {
    if (type == format.type) return format;
  }
  throw Error("ERR_UNSUPPORTED_MODEL", "expected one of " + supported_types() + " for `type`, got " + type +
                                           "; convert the weights to one of them");
}

void dequantize(const BlockFormat& format, const uint8_t* data, int64_t blocks, float* out) {
  const int64_t grain = (1 << 15) / format.elements;
  at::parallel_for(0, blocks, grain, [&](int64_t begin, int64_t end) {
    format.decode(data + begin * format.bytes, end - begin, out + begin * format.elements);
  });
}

}  // namespace hyperfit
