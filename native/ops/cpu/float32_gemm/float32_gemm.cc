#include "ops/cpu/float32_gemm/float32_gemm.h"

#include <algorithm>

#include "ops/cpu/float32_gemm/slab.h"
#include "ops/cpu/lanes/instruction_set.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kColumnsWorthCopying = 128;

thread_local ThreadBuffer left_rows;

// Rows whole pages apart lie in one set of the first cache. Of 8 ways, as processors with AVX2 have them, it has no room for those of a
// tile and of the next one; where it has 12 or more nothing was measured.
bool has_rows_in_one_set(const Float32Gemm& p) {
  constexpr int64_t kPage = 4096 / sizeof(float);
  return instruction_set() == InstructionSet::avx2 && p.a.column_stride == 1 && p.a.row_stride % kPage == 0 &&
         p.columns >= kColumnsWorthCopying;
}

void multiply_copied_rows(const Float32Gemm& p) {
  for (int64_t row = 0; row < p.rows; row += kFloat32BlockRows) {
    const Float32Gemm block = rows_of(p, row, std::min(kFloat32BlockRows, p.rows - row));
    multiply_slab(block, copy_left(left_rows, block.a, block.rows, block.inner));
  }
}

void multiply(const Float32Gemm& p) {
  if (has_rows_in_one_set(p)) return multiply_copied_rows(p);
  const bool is_dense = p.a.column_stride == 1;
  multiply_slab(p, is_dense ? LeftOperand{p.a.data, p.a.row_stride, false} : pack_left(left_rows, p.a, p.rows, p.inner));
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
    multiply(slab);
  }
}

}  // namespace hyperfit::kernels
