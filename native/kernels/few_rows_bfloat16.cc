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

struct PairsTile {
  template <int R, int O, class Y>
  HYPERFIT_BF16 static inline void multiply(const FewRowsProduct<Y, c10::BFloat16>& p, int64_t row, int64_t output) {
    const c10::BFloat16 *x = p.x + row * p.in, *weight = p.weight + output * p.in;
    __m512 totals[R][kTileOutputs];
    for (int r = 0; r < R; ++r) {
      for (int o = 0; o < kTileOutputs; ++o) totals[r][o] = _mm512_setzero_ps();
    }
    auto add = [&](int64_t i, __mmask32 mask) HYPERFIT_BF16 {
      __m512bh ws[O];
      for (int o = 0; o < O; ++o) ws[o] = load(weight + o * p.in + i, mask);
      for (int r = 0; r < R; ++r) {
        const __m512bh xs = load(x + r * p.in + i, mask);
        for (int o = 0; o < O; ++o) totals[r][o] = _mm512_dpbf16_ps(totals[r][o], xs, ws[o]);
      }
    };
    int64_t i = 0;
    for (; i + kPairs <= p.in; i += kPairs) add(i, 0xffffffffu);
    if (i < p.in) add(i, (1u << (p.in - i)) - 1);
    for (int r = 0; r < R; ++r) {
      const Four across = sums((Lanes)totals[r][0], (Lanes)totals[r][1], (Lanes)totals[r][2], (Lanes)totals[r][3]);
      for (int o = 0; o < O; ++o) p.y[(row + r) * p.out + output + o] = across[o];
    }
  }
};

}  // namespace

bool has_bfloat16_products() { return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw"); }

template <class Y>
HYPERFIT_BF16 void bfloat16_columns(const FewRowsProduct<Y, c10::BFloat16>& p, int64_t first, int64_t last) {
  int64_t output = first;
  for (; output + kTileOutputs <= last; output += kTileOutputs) {
    int64_t row = 0;
    for (; row + kTileRows <= p.rows; row += kTileRows) PairsTile::multiply<kTileRows, kTileOutputs>(p, row, output);
    for (; row < p.rows; ++row) PairsTile::multiply<1, kTileOutputs>(p, row, output);
  }
  for (; output < last; ++output) {
    for (int64_t row = 0; row < p.rows; ++row) PairsTile::multiply<1, 1>(p, row, output);
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
