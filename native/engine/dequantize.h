#pragma once
#include <cstdint>
#include <string>

namespace hyperfit {

/// How one type stores numbers: blocks of `elements` numbers in `bytes` bytes, decoded to float32.
struct BlockFormat {
  const char* type;
  int64_t elements;
  int64_t bytes;
  void (*decode)(const uint8_t* data, int64_t blocks, float* out);
};

/// F32 F16 BF16 F64 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K. Throws ERR_UNSUPPORTED_MODEL for any other.
const BlockFormat& block_format(const std::string& type);

/// Decodes `blocks` blocks into `blocks * elements` floats, in parallel, with the float32 operations of the Python
/// package `gguf` in their order, so that the bits agree. `data` needs no alignment.
void dequantize(const BlockFormat& format, const uint8_t* data, int64_t blocks, float* out);

}  // namespace hyperfit
