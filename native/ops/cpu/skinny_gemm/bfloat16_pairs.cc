// The skinny product by AVX512_BF16, which multiplies and adds 32 pairs of bfloat16 in one instruction. Nothing else stands in this
// file: all of it is compiled for those instructions, templates too, which the compiler makes at the end of the file.
#include "ops/cpu/skinny_gemm/lane_transposed.h"

// clang knows no such pragma, and gets the plain kernels.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")
#include "ops/cpu/skinny_gemm/lane_transposed_loops.h"

namespace hyperfit::kernels {
namespace {

/// As Singles, both numbers of a word in one set.
struct Pairs {
  using Lanes = LanesOf<16>;
  static constexpr int kSets = 1;
  [[gnu::always_inline]] static inline Lanes set(int, const Lanes& words) { return words; }
  [[gnu::always_inline]] static inline Lanes add(Lanes total, const Lanes& x, const Lanes& w) {
    total.part(0) = (Lanes::Floats)_mm512_dpbf16_ps((__m512)total.part(0), (__m512bh)x.part(0), (__m512bh)w.part(0));
    return total;
  }
};

}  // namespace

template <class Y>
void pair_columns(const SkinnyGemm<Y, c10::BFloat16>& p, int64_t first, int64_t last) {
  multiply_all_rows<Pairs>(p, first, last);
}

void lane_transpose_pairs(float* lanes, const c10::BFloat16* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  by_vectors(rows, [&]<int V>() { store_all_steps<Pairs, V>(lanes, x, rows, in, first, last); });
}

template <class Y>
void pair_lane_transposed_columns(const SkinnyGemm<Y, c10::BFloat16>& p, const float* lanes, int64_t first, int64_t last) {
  by_vectors(p.rows, [&]<int V>() { multiply_all_lane_transposed<Pairs, V>(p, lanes, first, last); });
}
#else
namespace hyperfit::kernels {

template <class Y>
void pair_columns(const SkinnyGemm<Y, c10::BFloat16>&, int64_t, int64_t) {}
void lane_transpose_pairs(float*, const c10::BFloat16*, int64_t, int64_t, int64_t, int64_t) {}
template <class Y>
void pair_lane_transposed_columns(const SkinnyGemm<Y, c10::BFloat16>&, const float*, int64_t, int64_t) {}
#endif

template void pair_columns(const SkinnyGemm<float, c10::BFloat16>&, int64_t, int64_t);
template void pair_columns(const SkinnyGemm<c10::BFloat16, c10::BFloat16>&, int64_t, int64_t);
template void pair_lane_transposed_columns(const SkinnyGemm<float, c10::BFloat16>&, const float*, int64_t, int64_t);
template void pair_lane_transposed_columns(const SkinnyGemm<c10::BFloat16, c10::BFloat16>&, const float*, int64_t, int64_t);

}  // namespace hyperfit::kernels
