#pragma once
// The softmax between products of bfloat16, by the instructions that come with them.
#include <limits>

#include "ops/cpu/attention/attention_block.h"
#include "ops/cpu/bfloat16_gemm/packing.h"
#include "ops/cpu/lanes/lanes_of.h"

#ifdef HYPERFIT_BF16_PRODUCT
namespace hyperfit::kernels {
namespace {

using Sixteens = LanesOf<16>;

HYPERFIT_BF16_PRODUCT inline __mmask16 lanes_between(int64_t first, int64_t last) {
  const auto below = [](int64_t count) { return count >= kLanes ? 0xffffu : count > 0 ? (1u << count) - 1 : 0u; };
  return static_cast<__mmask16>(below(last + 1) & ~below(first));
}
HYPERFIT_BF16_PRODUCT inline void store_rounded(c10::BFloat16* to, const Sixteens& value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh((__m512)value.part(0)));
}
HYPERFIT_BF16_PRODUCT inline Sixteens masked(__mmask16 mask, Sixteens value, float other) {
  value.part(0) = (Sixteen)_mm512_mask_blend_ps(mask, _mm512_set1_ps(other), (__m512)value.part(0));
  return value;
}

// scores and p, both from key `low` to `padded_high`: scores [first, last] become probabilities, all others 0.
HYPERFIT_BF16_PRODUCT void softmax_row(float* scores, c10::BFloat16* p, int64_t low, int64_t padded_high, int64_t first, int64_t last,
                                       float scale) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Sixteens most = kLowest, total = {};
  const int64_t begin = first / kLanes * kLanes;
  for (int64_t k = begin; k <= last; k += kLanes) {
    most = larger(most, masked(lanes_between(first - k, last - k), Sixteens::load(scores + k) * scale, kLowest));
  }
  const float top = largest(most);
  for (int64_t k = begin; k <= last; k += kLanes) {
    const Sixteens e = masked(lanes_between(first - k, last - k), exp(Sixteens::load(scores + k) * scale - top), 0);
    e.store(scores + k);
    total += e;
  }
  const float factor = 1.0f / sum(total);
  for (int64_t k = low; k < padded_high; k += kLanes) {
    const bool seen = k >= begin && k <= last;
    const Sixteens value = seen ? Sixteens::load(scores + k) * factor : Sixteens{};
    value.store(scores + k);
    store_rounded(p + k, value);
  }
}

// dp becomes scale p (dp - sum of p dp), rounded into ds.
HYPERFIT_BF16_PRODUCT void softmax_row_backward(c10::BFloat16* ds, const float* dp, const float* p, int64_t low, int64_t padded_high,
                                                float scale) {
  Sixteens products = {};
  for (int64_t k = low; k < padded_high; k += kLanes) products = multiply_add(products, Sixteens::load(p + k), Sixteens::load(dp + k));
  const float mean = sum(products);
  for (int64_t k = low; k < padded_high; k += kLanes)
    store_rounded(ds + k, Sixteens::load(p + k) * (Sixteens::load(dp + k) - mean) * scale);
}

/// What PairProducts and TileProducts have in common.
struct PairSoftmax {
  static constexpr int64_t kRowPadding = 0;
  using Probability = c10::BFloat16;

  static int64_t block_rows(int64_t) { return kAttentionRows; }

  static void softmax(float* scores, Probability* p, int64_t stride, const AttentionBlock& block, float scale) {
    for (int64_t row = 0; row < block.rows(); ++row) {
      const int64_t t = block.begin + row;
      softmax_row(scores + row * stride, p + row * stride, block.low, block.padded_high, block.span.first(t), t, scale);
    }
  }
  static void softmax_backward(Probability* ds, float* dp, const float* p, int64_t stride, const AttentionBlock& block, float scale) {
    for (int64_t row = 0; row < block.rows(); ++row) {
      const int64_t at = row * stride;
      softmax_row_backward(ds + at, dp + at, p + at, block.low, block.padded_high, scale);
    }
  }
};

}  // namespace
}  // namespace hyperfit::kernels
#endif
