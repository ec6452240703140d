#include "ops/cpu/attention/causal_attention.h"

#include <algorithm>
#include <limits>

#include "ops/cpu/attention/pair_products.h"
#include "ops/cpu/attention/tile_products.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/round.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {

#ifdef HYPERFIT_BF16_PRODUCT
namespace {

using c10::BFloat16;
using Lanes = LanesOf<16>;

constexpr int64_t kTaskWork = 1 << 17;

HYPERFIT_BF16_PRODUCT inline __mmask16 lanes_between(int64_t first, int64_t last) {
  const auto below = [](int64_t count) { return count >= kLanes ? 0xffffu : count > 0 ? (1u << count) - 1 : 0u; };
  return static_cast<__mmask16>(below(last + 1) & ~below(first));
}
HYPERFIT_BF16_PRODUCT inline void store_rounded(BFloat16* to, const Lanes& value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh((__m512)value.part(0)));
}
HYPERFIT_BF16_PRODUCT inline Lanes masked(__mmask16 mask, Lanes value, float other) {
  value.part(0) = (Sixteen)_mm512_mask_blend_ps(mask, _mm512_set1_ps(other), (__m512)value.part(0));
  return value;
}

// scores and p, both from key `low` to `padded_high`: scores [first, last] become probabilities, all others 0.
HYPERFIT_BF16_PRODUCT void softmax_row(float* scores, BFloat16* p, int64_t low, int64_t padded_high, int64_t first, int64_t last, float scale) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Lanes most = kLowest, total = {};
  const int64_t begin = first / kLanes * kLanes;
  for (int64_t k = begin; k <= last; k += kLanes) {
    most = larger(most, masked(lanes_between(first - k, last - k), Lanes::load(scores + k) * scale, kLowest));
  }
  const float top = largest(most);
  for (int64_t k = begin; k <= last; k += kLanes) {
    const Lanes e = masked(lanes_between(first - k, last - k), exp(Lanes::load(scores + k) * scale - top), 0);
    e.store(scores + k);
    total += e;
  }
  const float factor = 1.0f / sum(total);
  for (int64_t k = low; k < padded_high; k += kLanes) {
    const bool seen = k >= begin && k <= last;
    const Lanes value = seen ? Lanes::load(scores + k) * factor : Lanes{};
    value.store(scores + k);
    store_rounded(p + k, value);
  }
}

// dp becomes scale p (dp - sum of p dp), rounded into ds.
HYPERFIT_BF16_PRODUCT void softmax_row_backward(BFloat16* ds, const float* dp, const float* p, int64_t low, int64_t padded_high, float scale) {
  Lanes products = {};
  for (int64_t k = low; k < padded_high; k += kLanes) products = multiply_add(products, Lanes::load(p + k), Lanes::load(dp + k));
  const float mean = sum(products);
  for (int64_t k = low; k < padded_high; k += kLanes) store_rounded(ds + k, Lanes::load(p + k) * (Lanes::load(dp + k) - mean) * scale);
}

thread_local ThreadBuffer packed_keys, packed_values, packed_key_rows, score_rows, probability_rows, gradient_rows, score_gradient_rows, key_sums, value_sums;

/// Scores and probabilities of one block of rows. Products are PairProducts or TileProducts.
template <class Products>
struct Scores {
  using Head = typename Products::Head;

  explicit Scores(const CausalAttention& c) : stride(panels_of(c.length) * kAttentionPanel) {
    single = score_rows.take<float>(kAttentionRows * stride);
    rounded = probability_rows.take<BFloat16>(kAttentionRows * stride);
  }
  void compute(const Products& products, const CausalAttention& c, const BFloat16* q, const Head& keys, const AttentionBlock& block) const {
    products.multiply_transposed(single, stride, q + block.begin * c.size, c.size, keys, block);
    for (int64_t row = 0; row < block.rows(); ++row) {
      const int64_t t = block.begin + row, first = c.window > 0 ? std::max<int64_t>(0, t + 1 - c.window) : 0;
      softmax_row(single + row * stride, rounded + row * stride, block.low, block.padded_high, first, t, c.scale);
    }
  }
  int64_t stride;
  float* single;
  BFloat16* rounded;
};

template <class Products>
void head_forward(const Products& products, const CausalAttention& c, int64_t b, int64_t h, BFloat16* out) {
  using Head = typename Products::Head;
  const int64_t matrix = c.length * c.size, key_head = (b * c.key_value_heads + h / (c.heads / c.key_value_heads)) * matrix;
  const BFloat16* q = c.q + (b * c.heads + h) * matrix;
  const Head keys(packed_keys, c), values(packed_values, c);
  keys.pack_transposed(c.k + key_head);
  values.pack(c.v + key_head, c.size);
  const Scores<Products> scores(c);
  const int64_t stride = c.heads * c.size;
  for (int64_t begin = 0; begin < c.length; begin += kAttentionRows) {
    const AttentionBlock block = block_at(c, begin);
    scores.compute(products, c, q, keys, block);
    products.multiply_keys(out + (b * c.length + begin) * stride + h * c.size, stride, scores.rounded, scores.stride, values, block);
  }
}

/// The gradients of one key head, to which every query head of its group adds.
template <class Products>
class KeyHeadBackward {
 public:
  KeyHeadBackward(const Products& products, const CausalAttention& call, int64_t b, int64_t key_head)
      : products_(products), c_(call), b_(b), key_head_(key_head), scores_(call), keys_(packed_keys, call), values_(packed_values, call), key_rows_(packed_key_rows, call) {
    const BFloat16 *k = c_.k + offset(), *v = c_.v + offset();
    keys_.pack_transposed(k);
    values_.pack_transposed(v);
    key_rows_.pack(k, c_.size);
    dp_ = gradient_rows.take<float>(kAttentionRows * scores_.stride);
    ds_ = score_gradient_rows.take<BFloat16>(kAttentionRows * scores_.stride);
    dk_ = key_sums.take<float>(c_.length * c_.size);
    dv_ = value_sums.take<float>(c_.length * c_.size);
    std::fill_n(dk_, c_.length * c_.size, 0.0f);
    std::fill_n(dv_, c_.length * c_.size, 0.0f);
  }

  void add_head(int64_t h, const BFloat16* dout, BFloat16* dq) {
    const int64_t matrix = (b_ * c_.heads + h) * c_.length * c_.size, stride = c_.heads * c_.size;
    const BFloat16* dhead = dout + b_ * c_.length * stride + h * c_.size;
    for (int64_t begin = 0; begin < c_.length; begin += kAttentionRows) {
      const AttentionBlock block = block_at(c_, begin);
      scores_.compute(products_, c_, c_.q + matrix, keys_, block);
      const BFloat16* drows = dhead + begin * stride;
      products_.multiply_transposed(dp_, scores_.stride, drows, stride, values_, block);
      for (int64_t row = 0; row < block.rows(); ++row) {
        const int64_t at = row * scores_.stride;
        softmax_row_backward(ds_ + at, dp_ + at, scores_.single + at, block.low, block.padded_high, c_.scale);
      }
      products_.multiply_keys(dq + matrix + begin * c_.size, c_.size, ds_, scores_.stride, key_rows_, block);
      products_.add_transposed(dv_, c_.size, scores_.rounded, scores_.stride, drows, stride, block);
      products_.add_transposed(dk_, c_.size, ds_, scores_.stride, c_.q + matrix + begin * c_.size, c_.size, block);
    }
  }

  void store(BFloat16* dk, BFloat16* dv) const {
    dispatch<Round<BFloat16>>(dk + offset(), dk_, c_.length * c_.size);
    dispatch<Round<BFloat16>>(dv + offset(), dv_, c_.length * c_.size);
  }

 private:
  int64_t offset() const { return (b_ * c_.key_value_heads + key_head_) * c_.length * c_.size; }

  const Products& products_;
  const CausalAttention& c_;
  int64_t b_, key_head_;
  Scores<Products> scores_;
  typename Products::Head keys_, values_, key_rows_;
  float *dp_, *dk_, *dv_;
  BFloat16* ds_;
};

int64_t grain(const CausalAttention& c, int64_t heads) { return std::max<int64_t>(1, kTaskWork / (heads * c.length * c.length * c.size)); }

template <class Products>
void forward(const CausalAttention& c, BFloat16* out) {
  parallel_for(0, c.batch * c.heads, grain(c, 1), [&](int64_t begin, int64_t end) {
    const Products products;
    for (int64_t i = begin; i < end; ++i) head_forward(products, c, i / c.heads, i % c.heads, out);
  });
}

template <class Products>
void backward(const CausalAttention& c, const BFloat16* dout, BFloat16* dq, BFloat16* dk, BFloat16* dv) {
  const int64_t group = c.heads / c.key_value_heads;
  parallel_for(0, c.batch * c.key_value_heads, grain(c, group), [&](int64_t begin, int64_t end) {
    const Products products;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t key_head = i % c.key_value_heads;
      KeyHeadBackward<Products> backward(products, c, i / c.key_value_heads, key_head);
      for (int64_t h = 0; h < group; ++h) backward.add_head(key_head * group + h, dout, dq);
      backward.store(dk, dv);
    }
  });
}

}  // namespace

void causal_attention(const CausalAttention& c, BFloat16* out) { has_tiles() ? forward<TileProducts>(c, out) : forward<PairProducts>(c, out); }
void causal_attention_backward(const CausalAttention& c, const BFloat16* dout, BFloat16* dq, BFloat16* dk, BFloat16* dv) {
  has_tiles() ? backward<TileProducts>(c, dout, dq, dk, dv) : backward<PairProducts>(c, dout, dq, dk, dv);
}
#else
void causal_attention(const CausalAttention&, c10::BFloat16*) {}
void causal_attention_backward(const CausalAttention&, const c10::BFloat16*, c10::BFloat16*, c10::BFloat16*, c10::BFloat16*) {}
#endif

}  // namespace hyperfit::kernels
