// The few-row product by AVX512_BF16, which multiplies and adds 32 pairs of bfloat16 in one instruction.
#include "kernels/few_rows_product.h"
#include "kernels/lanes.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HYPERFIT_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,fma")))
#endif

namespace hyperfit::kernels {

#ifdef HYPERFIT_BF16
namespace {

constexpr int64_t kPairs = 32;

HYPERFIT_BF16 inline __m512bh load(const c10::BFloat16* from, __mmask32 mask) {
  return (__m512bh)_mm512_maskz_loadu_epi16(mask, from);
}

// R rows of x by O rows of the weight. The first tile of a block also asks for the next block's weights, which memory
// delivers while the remaining rows are multiplied.
template <int R, int O, class Y>
HYPERFIT_BF16 inline void multiply_tile(const FewRowsProduct<Y, c10::BFloat16>& p, int64_t row, int64_t output) {
  const int64_t in = p.in;
  const c10::BFloat16 *x = p.x + row * in, *weight = p.weight + output * in;
  __m512 totals[R][kTileOutputs];
  for (int r = 0; r < R; ++r) {
    for (int o = 0; o < kTileOutputs; ++o) totals[r][o] = _mm512_setzero_ps();
  }
  for (int64_t i = 0; i < in; i += kPairs) {
    const __mmask32 mask = in - i >= kPairs ? 0xffffffffu : (1u << (in - i)) - 1;
    __m512bh ws[O];
#pragma GCC unroll 4
    for (int o = 0; o < O; ++o) {
      ws[o] = load(weight + o * in + i, mask);
      if (row == 0) _mm_prefetch(weight + (O + o) * in + i, _MM_HINT_T0);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const __m512bh xs = load(x + r * in + i, mask);
#pragma GCC unroll 4
      for (int o = 0; o < O; ++o) totals[r][o] = _mm512_dpbf16_ps(totals[r][o], xs, ws[o]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    const Four across = sums((Lanes)totals[r][0], (Lanes)totals[r][1], (Lanes)totals[r][2], (Lanes)totals[r][3]);
    for (int o = 0; o < O; ++o) p.y[(row + r) * p.out + output + o] = across[o];
  }
}

}  // namespace

bool has_bfloat16_products() { return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw"); }

template <class Y>
HYPERFIT_BF16 void bfloat16_columns(const FewRowsProduct<Y, c10::BFloat16>& p, int64_t first, int64_t last) {
  int64_t output = first;
  for (; output + kTileOutputs <= last; output += kTileOutputs) {
    int64_t row = 0;
    for (; row + kTileRows <= p.rows; row += kTileRows) multiply_tile<kTileRows, kTileOutputs>(p, row, output);
    for (; row < p.rows; ++row) multiply_tile<1, kTileOutputs>(p, row, output);
  }
  for (; output < last; ++output) {
    for (int64_t row = 0; row < p.rows; ++row) multiply_tile<1, 1>(p, row, output);
  }
}
#else
bool has_bfloat16_products() { return false; }

template <class Y>
void bfloat16_columns(const FewRowsProduct<Y, c10::BFloat16>&, int64_t, int64_t) {}
#endif

template void bfloat16_columns(const FewRowsProduct<float, c10::BFloat16>&, int64_t, int64_t);
template void bfloat16_columns(const FewRowsProduct<c10::BFloat16, c10::BFloat16>&, int64_t, int64_t);

}  // namespace hyperfit::kernels
