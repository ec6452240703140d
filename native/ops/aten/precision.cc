#include <ATen/ScalarOps.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include "ops/arena.h"
#include "ops/aten/table.h"

namespace hyperfit::aten {

at::Tensor empty(int64_t count, const at::TensorOptions& options) { return at::empty({count}, options); }

at::Tensor zeros(int64_t count, const at::TensorOptions& options) { return at::zeros({count}, options); }

// As an operand of its own: of a number libtorch has no form that writes into `out`, and makes one by a copy.
at::Tensor number(double value) {
  at::Tensor made = c10::scalar_to_tensor(value);  // calls no operator
  made.unsafeGetTensorImpl()->set_wrapped_number(true);
  return made;
}

void scale(at::Tensor& x, double factor) { at::mul_out(x, x, number(factor)); }

void round(at::Tensor& to, const at::Tensor& from) { to.copy_(from); }

void add(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend) { at::add_out(y, x, addend); }

void accumulate(at::Tensor& y, const at::Tensor& addend, double beta) {
  if (beta == 0) {
    y.copy_(addend);
    return;
  }
  if (beta != 1) y.mul_(beta);
  y.add_(addend);
}

void sum_rows(at::Tensor& y, const at::Tensor& x, double beta) {
  const Temporaries temporaries;
  at::Tensor sums = beta == 0 ? y : temporaries.like(y);
  at::sum_out(sums, x, at::IntArrayRef{0}, /*keepdim=*/false, at::kFloat);
  if (beta != 0) accumulate(y, sums, beta);
}

}  // namespace hyperfit::aten
