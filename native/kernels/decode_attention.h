#pragma once
#include <cstdint>
#include <vector>

namespace hyperfit::kernels {

/// Attention of one new position a row over cached keys and values, float32.
/// Shapes: q and out [B, H, D]; keys and values [B, K, S, D] with the strides given (in elements); H a multiple of K.
struct DecodeAttention {
  float* out;
  const float* q;
  const float* keys;
  const float* values;
  int64_t batch_stride;  // of keys and values, from row to row
  int64_t head_stride;   // from key head to key head
  int64_t heads, key_value_heads, head_dim;
  float scale;
  std::vector<int64_t> first, last;  // [B]: row b looks at positions first[b] .. last[b], both included
};

void decode_attention(const DecodeAttention& call);

}  // namespace hyperfit::kernels
