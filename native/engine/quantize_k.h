#pragma once
#include <cstdint>

namespace hyperfit {

constexpr int64_t kSuperBlock = 256;
constexpr int64_t kQ4KBytes = 144;
constexpr int64_t kQ5KBytes = 176;
constexpr int64_t kQ6KBytes = 210;

/// One super-block of 256 floats each, in the layouts that engine/dequantize.cc reads.
void encode_q4_k(const float* values, uint8_t* block);
void encode_q5_k(const float* values, uint8_t* block);
void encode_q6_k(const float* values, uint8_t* block);

}  // namespace hyperfit
