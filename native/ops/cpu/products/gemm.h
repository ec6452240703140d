#pragma once
#include <cstdint>

namespace hyperfit::kernels {

/// A matrix whose rows or whose columns are dense: element (i, j) stands at data[i row_stride + j column_stride].
template <class X>
struct GemmMatrix {
  const X* data;
  int64_t row_stride, column_stride;
};

/// y = a b + addend for a [rows, inner] and b [inner, columns] of float32 or bfloat16; sums are float32, rounded once where y is bfloat16.
template <class X, class Y>
struct Gemm {
  Y* y;               // element (i, j) at y[i y_stride + j], or at y[j y_stride + i] when transposed
  int64_t y_stride;
  bool transposed;
  const float* addend;  // transposed as y, may be y itself; null for none
  int64_t addend_stride;
  GemmMatrix<X> a, b;
  int64_t rows, columns, inner;
};

/// The part of it that sums over [k, k + inner).
template <class X, class Y>
Gemm<X, Y> slab_of(const Gemm<X, Y>& p, int64_t k, int64_t inner) {
  Gemm<X, Y> slab = p;
  slab.a.data += k * p.a.column_stride;
  slab.b.data += k * p.b.row_stride;
  slab.inner = inner;
  return slab;
}

/// The rows [first, first + rows) of it.
template <class X, class Y>
Gemm<X, Y> rows_of(const Gemm<X, Y>& p, int64_t first, int64_t rows) {
  Gemm<X, Y> block = p;
  block.y += first * (p.transposed ? 1 : p.y_stride);
  if (p.addend) block.addend += first * (p.transposed ? 1 : p.addend_stride);
  block.a.data += first * p.a.row_stride;
  block.rows = rows;
  return block;
}

}  // namespace hyperfit::kernels
