#pragma once
// Causal attention by any set of products: PairProducts, TileProducts or LaneProducts, which have the same members.
#include <algorithm>
#include <type_traits>

#include "ops/cpu/attention/attention_block.h"
#include "ops/cpu/attention/causal_attention.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/round.h"
#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kTaskWork = 1 << 17, kTaskNumbers = 1 << 15;

thread_local ThreadBuffer packed_keys, packed_values, packed_key_rows, score_rows, probability_rows, gradient_rows, score_gradient_rows,
    head_sums;

// Where the products take float32 nothing is rounded, and it stands where it was computed.
template <class P>
P* rounded_beside(ThreadBuffer& buffer, float* single, int64_t count) {
  if constexpr (std::is_same_v<P, float>) {
    return single;
  } else {
    return buffer.take<P>(count);
  }
}

/// to [count] += from.
struct AddNumbers {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* to, const float* from, int64_t count) {
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) (L::load(to + i) + L::load(from + i)).store(to + i);
    for (; i < count; ++i) to[i] += from[i];
  }
};

/// Scores and probabilities of one block of rows.
template <class Products>
struct Scores {
  using Element = typename Products::Element;
  using Probability = typename Products::Probability;

  explicit Scores(const CausalAttention<Element>& c)
      : rows(Products::block_rows(c.length)), stride(panels_of(c.length) * kAttentionPanel + Products::kRowPadding) {
    single = score_rows.take<float>(rows * stride);
    rounded = rounded_beside<Probability>(probability_rows, single, rows * stride);
  }
  void compute(const Products& products, const CausalAttention<Element>& c, const Element* q, const typename Products::Head& keys,
               const AttentionBlock& block) const {
    products.multiply_transposed(single, stride, q + block.begin * c.size, c.size, keys, block);
    products.softmax(single, rounded, stride, block, c.scale);
  }
  AttentionBlock block_at(const CausalAttention<Element>& c, int64_t begin) const {
    return kernels::block_at(begin, rows, c.length, {c.window});
  }

  int64_t rows, stride;
  float* single;
  Probability* rounded;
};

/// Query heads one after the other; those that share a key head share what is packed of it.
template <class Products>
class HeadForward {
 public:
  using Element = typename Products::Element;

  HeadForward(const Products& products, const CausalAttention<Element>& call)
      : products_(products), c_(call), scores_(call), keys_(packed_keys, call), values_(packed_values, call) {}

  void attend(int64_t b, int64_t h, Element* out) {
    const int64_t matrix = c_.length * c_.size, stride = c_.heads * c_.size;
    pack(b * c_.key_value_heads + h / (c_.heads / c_.key_value_heads), matrix);
    for (int64_t begin = 0; begin < c_.length; begin += scores_.rows) {
      const AttentionBlock block = scores_.block_at(c_, begin);
      scores_.compute(products_, c_, c_.q + (b * c_.heads + h) * matrix, keys_, block);
      products_.multiply_keys(out + (b * c_.length + begin) * stride + h * c_.size, stride, scores_.rounded, scores_.stride, values_,
                              block);
    }
  }

 private:
  void pack(int64_t key_head, int64_t matrix) {
    if (key_head == packed_) return;
    keys_.pack_transposed(c_.k + key_head * matrix);
    values_.pack(c_.v + key_head * matrix, c_.size);
    packed_ = key_head;
  }

  const Products& products_;
  const CausalAttention<Element>& c_;
  Scores<Products> scores_;
  typename Products::Head keys_, values_;
  int64_t packed_ = -1;
};

/// The same for gradients. What a query head adds to those of its key head is kept apart, so that query heads can be shared by threads.
template <class Products>
class HeadBackward {
 public:
  using Element = typename Products::Element;
  using Probability = typename Products::Probability;

  HeadBackward(const Products& products, const CausalAttention<Element>& call)
      : products_(products),
        c_(call),
        scores_(call),
        keys_(packed_keys, call),
        values_(packed_values, call),
        key_rows_(packed_key_rows, call) {
    dp_ = gradient_rows.take<float>(scores_.rows * scores_.stride);
    ds_ = rounded_beside<Probability>(score_gradient_rows, dp_, scores_.rows * scores_.stride);
  }

  /// dk and dv [T, D] are of this head alone.
  void attend(int64_t b, int64_t h, const Element* dout, Element* dq, float* dk, float* dv) {
    const int64_t matrix = c_.length * c_.size, at = (b * c_.heads + h) * matrix, stride = c_.heads * c_.size;
    pack(b * c_.key_value_heads + h / (c_.heads / c_.key_value_heads), matrix);
    std::fill_n(dk, matrix, 0.0f);
    std::fill_n(dv, matrix, 0.0f);
    for (int64_t begin = 0; begin < c_.length; begin += scores_.rows) {
      const AttentionBlock block = scores_.block_at(c_, begin);
      const Element *drows = dout + (b * c_.length + begin) * stride + h * c_.size, *q = c_.q + at;
      scores_.compute(products_, c_, q, keys_, block);
      products_.multiply_transposed(dp_, scores_.stride, drows, stride, values_, block);
      products_.softmax_backward(ds_, dp_, scores_.single, scores_.stride, block, c_.scale);
      products_.multiply_keys(dq + at + begin * c_.size, c_.size, ds_, scores_.stride, key_rows_, block);
      products_.add_transposed(dv, c_.size, scores_.rounded, scores_.stride, drows, stride, block);
      products_.add_transposed(dk, c_.size, ds_, scores_.stride, q + begin * c_.size, c_.size, block);
    }
  }

 private:
  void pack(int64_t key_head, int64_t matrix) {
    if (key_head == packed_) return;
    const Element *k = c_.k + key_head * matrix, *v = c_.v + key_head * matrix;
    keys_.pack_transposed(k);
    values_.pack_transposed(v);
    key_rows_.pack(k, c_.size);
    packed_ = key_head;
  }

  const Products& products_;
  const CausalAttention<Element>& c_;
  Scores<Products> scores_;
  typename Products::Head keys_, values_, key_rows_;
  int64_t packed_ = -1;
  float* dp_;
  Probability* ds_;
};

/// to [count] = the sum of `group` stretches of as many numbers, in their order, `stride` apart; the first of them serves as scratch.
template <class T>
void sum_heads(T* to, float* heads, int64_t group, int64_t stride, int64_t count) {
  for (int64_t g = 1; g < group; ++g) dispatch<AddNumbers>(heads, static_cast<const float*>(heads + g * stride), count);
  dispatch<Round<T>>(to, static_cast<const float*>(heads), count);
}

template <class T>
int64_t grain(const CausalAttention<T>& c) {
  return std::max<int64_t>(1, kTaskWork / (c.length * c.length * c.size));
}

template <class Products, class T>
void forward(const CausalAttention<T>& c, T* out) {
  parallel_for(0, c.batch * c.heads, grain(c), [&](int64_t begin, int64_t end) {
    const Products products;
    HeadForward<Products> forward(products, c);
    for (int64_t i = begin; i < end; ++i) forward.attend(i / c.heads, i % c.heads, out);
  });
}

template <class Products, class T>
void backward(const CausalAttention<T>& c, const T* dout, T* dq, T* dk, T* dv) {
  const int64_t group = c.heads / c.key_value_heads, matrix = c.length * c.size;
  float* sums = head_sums.take<float>(c.batch * c.heads * 2 * matrix);  // [B, H, 2, T, D]
  parallel_for(0, c.batch * c.heads, grain(c), [&](int64_t begin, int64_t end) {
    const Products products;
    HeadBackward<Products> backward(products, c);
    for (int64_t i = begin; i < end; ++i)
      backward.attend(i / c.heads, i % c.heads, dout, dq, sums + 2 * i * matrix, sums + (2 * i + 1) * matrix);
  });
  parallel_for(0, c.batch * c.key_value_heads, std::max<int64_t>(1, kTaskNumbers / (group * matrix)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* heads = sums + 2 * i * group * matrix;
      sum_heads(dk + i * matrix, heads, group, 2 * matrix, matrix);
      sum_heads(dv + i * matrix, heads + matrix, group, 2 * matrix, matrix);
    }
  });
}

}  // namespace
}  // namespace hyperfit::kernels
