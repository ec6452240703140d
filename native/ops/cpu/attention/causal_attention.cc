#include "ops/cpu/attention/causal_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

#include "ops/cpu/bfloat16_gemm/tile.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/lanes/round.h"

namespace hyperfit::kernels {

#ifdef HYPERFIT_BF16_PRODUCT
namespace {

using c10::BFloat16;
using Lanes = LanesOf<16>;

constexpr int64_t kRows = 64;  // of queries in one block; keys come in panels of as many
constexpr int64_t kTaskWork = 1 << 17;

int64_t panels_of(int64_t count) { return (count + kPanelColumns - 1) / kPanelColumns; }

/// A block of rows [begin, end) and the keys [low, high) that any of them looks at; low and padded_high stand between panels.
struct Block {
  int64_t begin, end, low, high, padded_high;
  int64_t rows() const { return end - begin; }
  int64_t keys() const { return high - low; }
};

Block block_at(const CausalAttention& c, int64_t begin) {
  const int64_t end = std::min(begin + kRows, c.length);
  const int64_t low = c.window > 0 ? std::max<int64_t>(0, begin + 1 - c.window) / kPanelColumns * kPanelColumns : 0;
  return {begin, end, low, end, panels_of(end) * kPanelColumns};
}

/// One matrix [T, D] packed for products whose columns are its rows (to multiply by its transpose), and for those whose
/// columns are its columns.
struct PackedHead {
  BFloat16* to;
  int64_t length, size;  // T, D

  static int64_t transposed_elements(const CausalAttention& c) { return panels_of(c.length) * c.size * kPanelColumns; }
  static int64_t elements(const CausalAttention& c) { return panels_of(c.size) * panels_of(c.length) * kPanelColumns * kPanelColumns; }

  void pack_transposed(const BFloat16* rows) const {
    for (int64_t n = 0; n < length; n += kPanelColumns) pack_panel(to + n * size, {rows, 1, size}, 0, size, n, std::min(kPanelColumns, length - n));
  }
  void pack(const BFloat16* rows, int64_t row_stride) const {
    for (int64_t n = 0; n < size; n += kPanelColumns) pack_panel(columns_from(0, n), {rows, row_stride, 1}, 0, length, n, std::min(kPanelColumns, size - n));
  }
  const BFloat16* rows_from(int64_t row) const { return to + row * size; }
  BFloat16* columns_from(int64_t row, int64_t column) const { return to + column * panels_of(length) * kPanelColumns + row / 2 * kPanelPair; }
};

// to [rows, keys] = a [rows, D] times the transpose of what is packed; `stride` is that of `to`.
void multiply_transposed(float* to, int64_t stride, const BFloat16* a, int64_t a_stride, const PackedHead& packed, const Block& block) {
  for (int64_t key = block.low; key < block.high; key += kPanelColumns) {
    for (int64_t row = 0; row < block.rows(); row += kTileRows) {
      const Tile tile{a + row * a_stride, a_stride, 2, packed.rows_from(key), packed.size / 2, kTileRows * a_stride};
      tile_product<float>(std::min(kTileRows, block.rows() - row), tile, {nullptr, true, false, to + row * stride + key, stride, nullptr, 0, kPanelColumns});
    }
  }
}

// to [rows, D] = a [rows, keys] times the keys' rows of what is packed.
void multiply_keys(BFloat16* to, int64_t stride, const BFloat16* a, int64_t a_stride, const PackedHead& packed, const Block& block) {
  for (int64_t column = 0; column < packed.size; column += kPanelColumns) {
    for (int64_t row = 0; row < block.rows(); row += kTileRows) {
      const Tile tile{a + row * a_stride + block.low, a_stride, 2, packed.columns_from(block.low, column), (block.keys() + 1) / 2, kTileRows * a_stride};
      tile_product<BFloat16>(std::min(kTileRows, block.rows() - row), tile,
                             {nullptr, true, false, to + row * stride + column, stride, nullptr, 0, packed.size - column});
    }
  }
}

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

thread_local ThreadBuffer packed_keys, packed_values, packed_key_rows, score_rows, probability_rows, gradient_rows, score_gradient_rows;
thread_local ThreadBuffer packed_columns, packed_rows, key_sums, value_sums;

/// Scores and probabilities of one block of rows.
struct Scores {
  explicit Scores(const CausalAttention& c) : stride(panels_of(c.length) * kPanelColumns) {
    single = score_rows.take<float>(kRows * stride);
    rounded = probability_rows.take<BFloat16>(kRows * stride);
  }
  void compute(const CausalAttention& c, const BFloat16* q, const PackedHead& keys, const Block& block) const {
    multiply_transposed(single, stride, q + block.begin * c.size, c.size, keys, block);
    for (int64_t row = 0; row < block.rows(); ++row) {
      const int64_t t = block.begin + row, first = c.window > 0 ? std::max<int64_t>(0, t + 1 - c.window) : 0;
      softmax_row(single + row * stride, rounded + row * stride, block.low, block.padded_high, first, t, c.scale);
    }
  }
  int64_t stride;
  float* single;
  BFloat16* rounded;
};

void head_forward(const CausalAttention& c, int64_t b, int64_t h, BFloat16* out) {
  const int64_t matrix = c.length * c.size, key_head = (b * c.key_value_heads + h / (c.heads / c.key_value_heads)) * matrix;
  const BFloat16* q = c.q + (b * c.heads + h) * matrix;
  const PackedHead keys{packed_keys.take<BFloat16>(PackedHead::transposed_elements(c)), c.length, c.size};
  const PackedHead values{packed_values.take<BFloat16>(PackedHead::elements(c)), c.length, c.size};
  keys.pack_transposed(c.k + key_head);
  values.pack(c.v + key_head, c.size);
  const Scores scores(c);
  const int64_t stride = c.heads * c.size;
  for (int64_t begin = 0; begin < c.length; begin += kRows) {
    const Block block = block_at(c, begin);
    scores.compute(c, q, keys, block);
    multiply_keys(out + (b * c.length + begin) * stride + h * c.size, stride, scores.rounded, scores.stride, values, block);
  }
}

/// The gradients of one key head, to which every query head of its group adds.
class KeyHeadBackward {
 public:
  KeyHeadBackward(const CausalAttention& call, int64_t b, int64_t key_head) : c_(call), b_(b), key_head_(key_head), scores_(call) {
    const int64_t transposed = PackedHead::transposed_elements(c_);
    keys_ = {packed_keys.take<BFloat16>(transposed), c_.length, c_.size};
    values_ = {packed_values.take<BFloat16>(transposed), c_.length, c_.size};
    key_rows_ = {packed_key_rows.take<BFloat16>(PackedHead::elements(c_)), c_.length, c_.size};
    const BFloat16 *k = c_.k + offset(), *v = c_.v + offset();
    keys_.pack_transposed(k);
    values_.pack_transposed(v);
    key_rows_.pack(k, c_.size);
    dp_ = gradient_rows.take<float>(kRows * scores_.stride);
    ds_ = score_gradient_rows.take<BFloat16>(kRows * scores_.stride);
    dk_ = key_sums.take<float>(c_.length * c_.size);
    dv_ = value_sums.take<float>(c_.length * c_.size);
    std::fill_n(dk_, c_.length * c_.size, 0.0f);
    std::fill_n(dv_, c_.length * c_.size, 0.0f);
  }

  void add_head(int64_t h, const BFloat16* dout, BFloat16* dq) {
    const int64_t matrix = (b_ * c_.heads + h) * c_.length * c_.size, stride = c_.heads * c_.size;
    const BFloat16* dhead = dout + b_ * c_.length * stride + h * c_.size;
    for (int64_t begin = 0; begin < c_.length; begin += kRows) {
      const Block block = block_at(c_, begin);
      scores_.compute(c_, c_.q + matrix, keys_, block);
      const BFloat16* drows = dhead + begin * stride;
      multiply_transposed(dp_, scores_.stride, drows, stride, values_, block);
      for (int64_t row = 0; row < block.rows(); ++row) {
        const int64_t at = row * scores_.stride;
        softmax_row_backward(ds_ + at, dp_ + at, scores_.single + at, block.low, block.padded_high, c_.scale);
      }
      multiply_keys(dq + matrix + begin * c_.size, c_.size, ds_, scores_.stride, key_rows_, block);
      add_transposed(dv_, scores_.rounded, drows, stride, block);
      add_transposed(dk_, ds_, c_.q + matrix + begin * c_.size, c_.size, block);
    }
  }

  void store(BFloat16* dk, BFloat16* dv) const {
    dispatch<Round<BFloat16>>(dk + offset(), dk_, c_.length * c_.size);
    dispatch<Round<BFloat16>>(dv + offset(), dv_, c_.length * c_.size);
  }

 private:
  int64_t offset() const { return (b_ * c_.key_value_heads + key_head_) * c_.length * c_.size; }

  // to [keys, D] += the transpose of `a` [rows, keys] times b [rows, D].
  void add_transposed(float* to, const BFloat16* a, const BFloat16* b, int64_t b_stride, const Block& block) const {
    const int64_t tiles = (block.keys() + kTileRows - 1) / kTileRows, tile_stride = packed_tile_stride(block.rows());
    BFloat16* left = packed_columns.take<BFloat16>(tiles * tile_stride);
    pack_tiles(left, {a + block.low, 1, scores_.stride}, block.keys(), block.rows(), 0, tiles);
    BFloat16* right = packed_rows.take<BFloat16>(kRows * kPanelColumns);
    for (int64_t column = 0; column < c_.size; column += kPanelColumns) {
      const int64_t columns = std::min(kPanelColumns, c_.size - column);
      pack_panel(right, {b, b_stride, 1}, 0, block.rows(), column, columns);
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t key = tile * kTileRows;
        float* sums = to + (block.low + key) * c_.size + column;
        tile_product<float>(std::min(kTileRows, block.keys() - key), {left + tile * tile_stride, 2, kPackedPair, right, (block.rows() + 1) / 2, tile_stride},
                            {nullptr, true, false, sums, c_.size, sums, c_.size, columns});
      }
    }
  }

  const CausalAttention& c_;
  int64_t b_, key_head_;
  Scores scores_;
  PackedHead keys_, values_, key_rows_;
  float *dp_, *dk_, *dv_;
  BFloat16* ds_;
};

int64_t grain(const CausalAttention& c, int64_t heads) { return std::max<int64_t>(1, kTaskWork / (heads * c.length * c.length * c.size)); }

}  // namespace

void causal_attention(const CausalAttention& c, BFloat16* out) {
  at::parallel_for(0, c.batch * c.heads, grain(c, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) head_forward(c, i / c.heads, i % c.heads, out);
  });
}

void causal_attention_backward(const CausalAttention& c, const BFloat16* dout, BFloat16* dq, BFloat16* dk, BFloat16* dv) {
  const int64_t group = c.heads / c.key_value_heads;
  at::parallel_for(0, c.batch * c.key_value_heads, grain(c, group), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t key_head = i % c.key_value_heads;
      KeyHeadBackward backward(c, i / c.key_value_heads, key_head);
      for (int64_t h = 0; h < group; ++h) backward.add_head(key_head * group + h, dout, dq);
      backward.store(dk, dv);
    }
  });
}
#else
void causal_attention(const CausalAttention&, c10::BFloat16*) {}
void causal_attention_backward(const CausalAttention&, const c10::BFloat16*, c10::BFloat16*, c10::BFloat16*, c10::BFloat16*) {}
#endif

}  // namespace hyperfit::kernels
