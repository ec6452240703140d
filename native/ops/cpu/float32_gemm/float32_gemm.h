#pragma once
#include <cstdint>

namespace hyperfit::kernels {

/// A matrix whose rows or whose columns are dense: element (i, j) stands at data[i row_stride + j column_stride].
struct Float32Matrix {
  const float* data;
  int64_t row_stride, column_stride;
};

/// a [rows, inner], b [inner, columns], y and addend [rows, columns].
struct Float32Gemm {
  float* y;               // element (i, j) at y[i y_stride + j], or at y[j y_stride + i] when transposed
  int64_t y_stride;
  bool transposed;
  const float* addend;    // transposed as y, may be y itself; null for none
  int64_t addend_stride;
  Float32Matrix a, b;
  int64_t rows, columns, inner;
};

/// Whether this machine, as limited (instruction_set.h), has registers for the tiles: AVX2 or newer.
bool multiplies_float32();

/// y = a b + addend, all sizes from 1 on. Each element is summed in an order that follows from `inner` alone: the same bits for any number of
/// rows and threads, with AVX2 and with AVX-512. Only where multiplies_float32().
void float32_gemm(const Float32Gemm& product);

}  // namespace hyperfit::kernels
