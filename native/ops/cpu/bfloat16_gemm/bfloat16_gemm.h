#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace hyperfit::kernels {

/// A matrix whose rows or whose columns are dense: element (i, j) stands at data[i row_stride + j column_stride].
struct Bfloat16Matrix {
  const c10::BFloat16* data;
  int64_t row_stride, column_stride;
};

/// y = a b + addend for a [rows, inner] and b [inner, columns]; sums are float32, rounded once where y is bfloat16.
template <class Y>
struct Bfloat16Gemm {
  Y* y;               // element (i, j) at y[i y_stride + j], or at y[j y_stride + i] when transposed
  int64_t y_stride;
  bool transposed;
  const float* addend;  // transposed as y, may be y itself; null for none
  int64_t addend_stride;
  Bfloat16Matrix a, b;
  int64_t rows, columns, inner;
};

/// Whether this machine, as limited (instruction_set.h), multiplies tiles of bfloat16 (AMX) or pairs (AVX512_BF16) in one
/// instruction; or tiles are emulated (tiles/tiles.h).
bool multiplies_bfloat16();

/// Each element is summed in an order that follows from `inner` alone: the same bits for any number of threads. Only
/// where multiplies_bfloat16().
template <class Y>
void bfloat16_gemm(const Bfloat16Gemm<Y>& product);

}  // namespace hyperfit::kernels
