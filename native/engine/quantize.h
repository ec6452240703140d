#pragma once
#include <cstdint>
#include <string>

namespace hyperfit {

/// How one type is written: blocks of `elements` float32 numbers into `bytes` bytes. The other direction is `BlockFormat`.
struct BlockEncoder {
  const char* type;
  int64_t elements;
  int64_t bytes;
  void (*encode)(const float* values, int64_t blocks, uint8_t* out);
};

/// F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K. Throws ERR_CONFIG for any other.
const BlockEncoder& block_encoder(const std::string& type);

/// Encodes `blocks * elements` finite floats, in parallel. The bits are those of the Python package `gguf` for F32, F16, BF16, Q8_0,
/// Q4_0, Q4_1, Q5_0 and Q5_1, and of ggml's reference quantisers (ggml-quants.c, without an importance matrix) for Q4_K, Q5_K and Q6_K.
void quantize(const BlockEncoder& encoder, const float* values, int64_t blocks, uint8_t* out);

/// What is read back of `blocks * elements` floats once they have been encoded, to the bit, in parallel; `out` may not be `values`. False
/// where numbers went in, or would come out, that are not finite; `out` is then of no use.
bool quantize_and_back(const BlockEncoder& encoder, const float* values, int64_t blocks, float* out);

}  // namespace hyperfit
