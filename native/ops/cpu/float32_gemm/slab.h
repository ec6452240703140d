#pragma once
#include <c10/util/BFloat16.h>

#include "ops/cpu/memory/thread_buffer.h"
#include "ops/cpu/products/gemm.h"

namespace hyperfit::kernels {

/// What is summed over so much that `a`, read once for each panel of columns, stays in the last cache.
constexpr int64_t kFloat32Slab = 2048;
/// Rows of which 64 columns of sums stay in the second cache.
constexpr int64_t kFloat32BlockRows = 1026;

/// The rows of a product in float32: dense ones, `row_stride` apart, or tiles as pack_left makes them.
struct LeftOperand {
  const float* data;
  int64_t row_stride;
  bool packed;
};

/// Packs `a` [rows, inner], whose columns are dense, into memory of `buffer`.
template <class X>
LeftOperand pack_left(ThreadBuffer& buffer, const GemmMatrix<X>& a, int64_t rows, int64_t inner);

/// Copies `a` [rows, inner], whose rows are dense, into memory of `buffer`, a line more than a row needs apart.
template <class X>
LeftOperand copy_left(ThreadBuffer& buffer, const GemmMatrix<X>& a, int64_t rows, int64_t inner);

/// Computes a product of float32, or of bfloat16 as float32, with all threads; `left` stands for its `a`, which is not read. Only where
/// multiplies_float32() (float32_gemm.h).
template <class X, class Y>
void multiply_slab(const Gemm<X, Y>& product, const LeftOperand& left);

}  // namespace hyperfit::kernels
