#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>
#include <vector>

namespace hyperfit::kernels {

/// Attention of one new position a row over cached keys and values, float32 or bfloat16.
/// Shapes: q and out [B, H, D]; keys and values [B, K, S, D] with the strides given (in elements); H a multiple of K.
template <class T>
struct DecodeAttention {
  T* out;
  const T* q;
  const T* keys;
  const T* values;
  int64_t batch_stride;  // of keys and values, from row to row
  int64_t head_stride;   // from key head to key head
  int64_t heads, key_value_heads, head_dim;
  float scale;
  std::vector<int64_t> first, last;  // [B]: row b looks at positions first[b] .. last[b], both included
};

template <class T>
void decode_attention(const DecodeAttention<T>& call);

}  // namespace hyperfit::kernels
