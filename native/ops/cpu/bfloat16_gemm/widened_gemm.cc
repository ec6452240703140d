#include "ops/cpu/bfloat16_gemm/widened_gemm.h"

#include <algorithm>

#include "ops/cpu/float32_gemm/slab.h"
#include "ops/cpu/lanes/instruction_set.h"

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

thread_local ThreadBuffer widened_rows;

template <class Y>
LeftOperand widen_left(const Bfloat16Gemm<Y>& p) {
  return p.a.column_stride == 1 ? copy_left(widened_rows, p.a, p.rows, p.inner) : pack_left(widened_rows, p.a, p.rows, p.inner);
}

}  // namespace

template <class Y>
void widened_gemm(const Bfloat16Gemm<Y>& p) {
  for (int64_t row = 0; row < p.rows; row += kFloat32BlockRows) {
    const Bfloat16Gemm<Y> block = rows_of(p, row, std::min(kFloat32BlockRows, p.rows - row));
    multiply_slab(block, widen_left(block));
  }
}
template void widened_gemm(const Bfloat16Gemm<float>&);
template void widened_gemm(const Bfloat16Gemm<BFloat16>&);

}  // namespace hyperfit::kernels
