#include "ops/cpu/bfloat16_gemm/widened_gemm.h"

#include <algorithm>

#include "ops/cpu/float32_gemm/slab.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/parallel.h"

namespace hyperfit::kernels {
namespace {

using c10::BFloat16;

constexpr int64_t kRowsPerTask = 32;

thread_local ThreadBuffer widened_rows;

struct WidenRows {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* to, int64_t to_stride, const Bfloat16Matrix& a, int64_t inner, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const BFloat16* from = a.data + row * a.row_stride;
      float* some = to + row * to_stride;
      int64_t k = 0;
      for (; k + kLanes <= inner; k += kLanes) L::load(from + k).store(some + k);
      for (; k < inner; ++k) some[k] = from[k];
    }
  }
};

// A line more than a row needs keeps the rows of a tile out of each other's cache sets.
template <class Y>
LeftOperand widen_left(const Bfloat16Gemm<Y>& p) {
  if (p.a.column_stride != 1) return pack_left(widened_rows, p.a, p.rows, p.inner);
  const int64_t stride = (p.inner / kLanes + 2) * kLanes;
  float* rows = widened_rows.take<float>(p.rows * stride);
  parallel_for(0, p.rows, kRowsPerTask, [&](int64_t begin, int64_t end) {
    dispatch<WidenRows, float*, int64_t, const Bfloat16Matrix&>(rows, stride, p.a, p.inner, begin, end);
  });
  return {rows, stride, false};
}

/// The rows [first, first + rows) of a product.
template <class Y>
Bfloat16Gemm<Y> block_of(const Bfloat16Gemm<Y>& p, int64_t first, int64_t rows) {
  Bfloat16Gemm<Y> block = p;
  block.y += first * (p.transposed ? 1 : p.y_stride);
  if (p.addend) block.addend += first * (p.transposed ? 1 : p.addend_stride);
  block.a.data += first * p.a.row_stride;
  block.rows = rows;
  return block;
}

}  // namespace

template <class Y>
void widened_gemm(const Bfloat16Gemm<Y>& p) {
  for (int64_t row = 0; row < p.rows; row += kFloat32BlockRows) {
    const Bfloat16Gemm<Y> block = block_of(p, row, std::min(kFloat32BlockRows, p.rows - row));
    multiply_slab(block, widen_left(block));
  }
}
template void widened_gemm(const Bfloat16Gemm<float>&);
template void widened_gemm(const Bfloat16Gemm<BFloat16>&);

}  // namespace hyperfit::kernels
