#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"

#include <algorithm>

#include "ops/cpu/bfloat16_gemm/pair_gemm.h"
#include "ops/cpu/bfloat16_gemm/widened_gemm.h"
#include "ops/cpu/float32_gemm/float32_gemm.h"
#include "ops/cpu/float32_gemm/slab.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/tiles/tile_gemm.h"
#include "ops/cpu/tiles/tiles.h"

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

constexpr int64_t kSlabElements = 1 << 22;  // of `a`, read once for each panel: they stay in the last cache

thread_local ThreadBuffer slab_sums;

bool multiplies_pairs() { return instruction_set() >= InstructionSet::avx512_bf16; }

template <class Y>
void multiply_slab(const Bfloat16Gemm<Y>& p) {
  has_tiles() ? tile_gemm(p) : multiplies_pairs() ? pair_gemm(p) : widened_gemm(p);
}

// What is summed over very many (the input gradient of an output matrix) would read `a` from memory once a panel: it is cut
// into slabs, whose sums are float32.
int64_t longest_slab(int64_t rows) {
  if (has_tiles()) return kLongestTileSlab;
  return multiplies_pairs() ? std::max<int64_t>(1024, kSlabElements / rows / 2 * 2) : kFloat32Slab;
}

}  // namespace

bool multiplies_bfloat16() { return has_tiles() || multiplies_float32(); }

template <>
void bfloat16_gemm(const Bfloat16Gemm<float>& p) {
  const int64_t longest = longest_slab(p.rows);
  for (int64_t k = 0; k < p.inner; k += longest) {
    Bfloat16Gemm<float> slab = slab_of(p, k, std::min(longest, p.inner - k));
    if (k > 0) {
      slab.addend = p.y;
      slab.addend_stride = p.y_stride;
    }
    multiply_slab(slab);
  }
}

template <>
void bfloat16_gemm(const Bfloat16Gemm<BFloat16>& p) {
  const int64_t longest = longest_slab(p.rows), before = (p.inner - 1) / longest * longest;
  Bfloat16Gemm<BFloat16> last = slab_of(p, before, p.inner - before);
  if (before > 0) {
    const int64_t stride = p.transposed ? p.rows : p.columns;
    float* sums = slab_sums.take<float>(p.rows * p.columns);
    bfloat16_gemm<float>({sums, stride, p.transposed, p.addend, p.addend_stride, p.a, p.b, p.rows, p.columns, before});
    last.addend = sums;
    last.addend_stride = stride;
  }
  multiply_slab(last);
}

}  // namespace hyperfit::kernels
