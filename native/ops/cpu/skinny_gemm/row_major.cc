#include "ops/cpu/skinny_gemm/skinny_gemm.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "ops/cpu/parallel.h"
#include "ops/cpu/skinny_gemm/lane_transposed.h"
#include "ops/cpu/skinny_gemm/row_major_loops.h"
#include "ops/cpu/lanes/instruction_set.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kProductsPerTask = 1 << 15;

template <class Y, class X>
struct RowMajor {
  template <class L>
  [[gnu::always_inline]] static inline void run(const SkinnyGemm<Y, X>& p, int64_t first, int64_t last) {
    multiply_all_rows<Singles<L, X>>(p, first, last);
  }
};

}  // namespace

bool has_bfloat16_products() { return instruction_set() >= InstructionSet::avx512_bf16; }

template <class Y, class X>
void skinny_gemm_columns(const SkinnyGemm<Y, X>& product, int64_t first, int64_t last) {
  if constexpr (std::is_same_v<X, c10::BFloat16>) {
    if (has_bfloat16_products()) return pair_columns(product, first, last);
  }
  dispatch<RowMajor<Y, X>>(product, first, last);
}
template void skinny_gemm_columns(const SkinnyGemm<float, float>&, int64_t, int64_t);
template void skinny_gemm_columns(const SkinnyGemm<float, c10::BFloat16>&, int64_t, int64_t);

template <class Y, class X>
void skinny_gemm(const SkinnyGemm<Y, X>& p) {
  const int64_t blocks = (p.out + kColumns - 1) / kColumns, steps = lane_transpose_steps<X>(p.in);
  const bool is_lane_transposed = pays_to_lane_transpose<X>(p.rows, p.in);
  std::vector<float> lanes(is_lane_transposed ? lane_transposed_size(p.rows, p.in) : 0);
  if (is_lane_transposed) {
    parallel_for(0, steps, std::max<int64_t>(1, kProductsPerTask / (p.rows * p.in / steps)),
                 [&](int64_t begin, int64_t end) { lane_transpose(lanes.data(), p.x, p.rows, p.in, begin, end); });
  }
  parallel_for(0, blocks, std::max<int64_t>(1, kProductsPerTask / (p.in * kColumns)), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kColumns, last = std::min(p.out, end * kColumns);
    if (is_lane_transposed) {
      lane_transposed_columns(p, lanes.data(), first, last);
    } else {
      skinny_gemm_columns(p, first, last);
    }
  });
}
template void skinny_gemm(const SkinnyGemm<float, float>&);
template void skinny_gemm(const SkinnyGemm<float, c10::BFloat16>&);
template void skinny_gemm(const SkinnyGemm<c10::BFloat16, c10::BFloat16>&);

}  // namespace hyperfit::kernels
