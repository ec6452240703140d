// The few-row product by AVX512_BF16, which multiplies and adds 32 pairs of bfloat16 in one instruction. Nothing else stands in this
// file: all of it is compiled for those instructions, templates too, which the compiler makes at the end of the file.
#include "kernels/few_rows_product.h"
#include "kernels/lanes.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")
#include "kernels/few_rows_loops.h"

namespace hyperfit::kernels {
namespace {

struct Pairs {
  using Unit = __m512bh;
  static constexpr int64_t kWidth = 32;
  [[gnu::always_inline]] static inline Unit load(const c10::BFloat16* from) { return (__m512bh)_mm512_loadu_si512(from); }
  [[gnu::always_inline]] static inline Lanes multiply_add(const Lanes& total, const Unit& x, const Unit& w) {
    return (Lanes)_mm512_dpbf16_ps((__m512)total, x, w);
  }
};

}  // namespace

template <class Y>
void bfloat16_columns(const FewRowsProduct<Y, c10::BFloat16>& p, int64_t first, int64_t last) {
  multiply_all_rows<Pairs>(p, first, last);
}
#else
namespace hyperfit::kernels {

template <class Y>
void bfloat16_columns(const FewRowsProduct<Y, c10::BFloat16>&, int64_t, int64_t) {}
#endif

template void bfloat16_columns(const FewRowsProduct<float, c10::BFloat16>&, int64_t, int64_t);
template void bfloat16_columns(const FewRowsProduct<c10::BFloat16, c10::BFloat16>&, int64_t, int64_t);

}  // namespace hyperfit::kernels
