#include "ops/cpu/float32_gemm/float32_gemm.h"

#include <algorithm>

#include "ops/cpu/float32_gemm/slab.h"
#include "ops/cpu/lanes/instruction_set.h"

namespace hyperfit::kernels {
namespace {

thread_local ThreadBuffer packed_tiles;

LeftOperand left_of(const Float32Gemm& p) {
  if (p.a.column_stride == 1) return {p.a.data, p.a.row_stride, false};
  return pack_left(packed_tiles, p.a, p.rows, p.inner);
}

}  // namespace

bool multiplies_float32() { return instruction_set() >= InstructionSet::avx2; }

// What is summed over very many (the input gradient of an output matrix) would read `a` from memory once a panel: it is cut into slabs.
void float32_gemm(const Float32Gemm& p) {
  for (int64_t k = 0; k < p.inner; k += kFloat32Slab) {
    Float32Gemm slab = slab_of(p, k, std::min(kFloat32Slab, p.inner - k));
    if (k > 0) {
      slab.addend = p.y;
      slab.addend_stride = p.y_stride;
    }
    multiply_slab(slab, left_of(slab));
  }
}

}  // namespace hyperfit::kernels
