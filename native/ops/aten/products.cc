#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/mm.h>

#include <algorithm>

#include "ops/arena.h"
#include "ops/aten/table.h"

namespace hyperfit::aten {
namespace {

// Rows that meet the whole of a weight in float32 at once: few, so that a row has few neighbours to depend on.
constexpr int64_t kExactRows = 64;

}  // namespace

void matmul(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch) {
  if (y.scalar_type() != a.scalar_type()) {
    const Temporaries temporaries;
    if (!scratch.defined()) scratch = temporaries.empty(y.sizes(), a.options());
    at::mm_out(scratch, a, b);
    accumulate(y, scratch, beta);
  } else if (a.dim() == 3) {
    beta == 0 ? at::bmm_out(y, a, b) : y.baddbmm_(a, b, beta, 1);
  } else {
    beta == 0 ? at::mm_out(y, a, b) : y.addmm_(a, b, beta, 1);
  }
}

bool sums_bfloat16_in_float32() { return false; }

void linear(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) {
  matmul(y, x, w.in_out(), 0, {});
  if (w.bias.defined()) y.add_(w.bias);
}

void linear_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w, at::Tensor& product) {
  matmul(product, x, w.in_out(), 0, {});
  add(y, residual, product);
  if (w.bias.defined()) y.add_(w.bias);
}

void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) {
  const at::Tensor weight = w.in_out().to(at::kFloat);
  for (int64_t row = 0; row < x.size(0); row += kExactRows) {
    const int64_t rows = std::min(kExactRows, x.size(0) - row);
    const Temporaries temporaries;
    at::Tensor some_y = y.narrow(0, row, rows);
    at::mm_out(some_y, temporaries.in_type(x.narrow(0, row, rows), at::kFloat), weight);
  }
}

}  // namespace hyperfit::aten
