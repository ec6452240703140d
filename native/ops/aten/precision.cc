#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {

at::Tensor empty(int64_t count, const at::TensorOptions& options) { return at::empty({count}, options); }

at::Tensor zeros(int64_t count, const at::TensorOptions& options) { return at::zeros({count}, options); }

void scale(at::Tensor& x, double factor) { at::mul_out(x, x, factor); }

void round(at::Tensor& to, const at::Tensor& from) { to.copy_(from); }

void add(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend) { at::add_out(y, x, addend); }

void accumulate(at::Tensor& y, const at::Tensor& addend, double beta) {
  if (beta == 0) {
    y.copy_(addend);
  } else {
    y.mul_(beta).add_(addend);
  }
}

void sum_rows(at::Tensor& y, const at::Tensor& x, double beta) { accumulate(y, x.sum(0, /*keepdim=*/false, at::kFloat), beta); }

}  // namespace hyperfit::aten
