#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// Attention of one new position a row over cached keys and values, float32 or bfloat16 (T); queries are of that type or float32 (Q).
/// Shapes: q and out [B, H, D]; keys and values [B, K, S, D] with the strides given (in elements); H a multiple of K.
template <class T, class Q>
struct DecodeAttention {
  T* out;
  const Q* q;
  const T* keys;
  const T* values;
  int64_t batch_stride;  // of keys and values, from row to row
  int64_t head_stride;   // from key head to key head
  int64_t heads, key_value_heads, head_dim;
  float scale;
  float softcap;  // 0: none
  int64_t batch;
  const int64_t *first, *last;  // [B]: row b looks at positions first[b] .. last[b], both included
};

/// All rows, in parallel.
template <class T, class Q>
void decode_attention(const DecodeAttention<T, Q>& call);

/// Query heads [begin, end) of all B * H, on this thread; those that share a key head share its loads. A head's bits do not depend on
/// what else is asked for. `scratch` is of attention_scratch() floats.
constexpr int64_t kHeadsTogether = 4;
constexpr int64_t attention_scratch(int64_t positions, int64_t head_dim) { return kHeadsTogether * (positions + head_dim); }
template <class T, class Q>
void attend_heads(const DecodeAttention<T, Q>& call, int64_t begin, int64_t end, float* scratch);

}  // namespace hyperfit::kernels
