// Products of bfloat16 whose sums leave in float32, which libtorch has on CUDA alone.
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include "ops/aten/table.h"
#include "ops/cuda/table.h"

namespace hyperfit::cuda {

bool sums_bfloat16_in_float32() { return true; }

void matmul(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch) {
  if (y.scalar_type() == a.scalar_type()) return aten::matmul(y, a, b, beta, scratch);
  if (beta == 0) {
    at::mm_out(y, a, b, at::kFloat);
  } else {
    at::addmm_out(y, y, a, b, at::kFloat, beta);
  }
}

void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) { matmul(y, x, w.in_out(), 0, {}); }

}  // namespace hyperfit::cuda
