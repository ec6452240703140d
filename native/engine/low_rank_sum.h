#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>

namespace hyperfit {

/// base + scale B A: a matrix as LoRA trains it.
struct LowRankSum {
  at::Tensor base;  // as the matrix; float32, or bfloat16 where that holds it exactly
  at::Tensor a, b;  // float32 [rank, in] and [out, rank]
  double scale = 1;
  bool transposed = false;  // the matrix is [in, out]

  /// To float32 of the matrix's shape: the same bits for either type of the base.
  void write(at::Tensor& to) const {
    const at::Tensor left = transposed ? a.t() : b, right = transposed ? b.t() : a;
    if (base.scalar_type() == at::kFloat) {
      at::addmm_out(to, base, left, right, 1, scale);
      return;
    }
    to.copy_(base);
    to.addmm_(left, right, 1, scale);
  }
};

}  // namespace hyperfit
