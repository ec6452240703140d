#include "engine/linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>

#include "kernels/few_rows_linear.h"

namespace hyperfit {

void Linear::forward(at::Tensor& y, const at::Tensor& x) const {
  if (kernels::is_few_rows(x, weight->value)) {
    kernels::few_rows_linear(y, x, weight->value);
    if (bias) y.add_(bias->value);
  } else if (bias) {
    at::addmm_out(y, bias->value, x, weight->value.t());
  } else {
    at::mm_out(y, x, weight->value.t());
  }
}

void Linear::forward_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x) const {
  if (kernels::is_few_rows(x, weight->value)) {
    forward(y, x);
    y.add_(residual);
    return;
  }
  at::addmm_out(y, residual, x, weight->value.t());
  if (bias) y.add_(bias->value);
}

void Linear::backward_input(at::Tensor& dx, const at::Tensor& dy, bool accumulate) const {
  if (accumulate) {
    dx.addmm_(dy, weight->value);
  } else {
    at::mm_out(dx, dy, weight->value);
  }
}

void Linear::backward_parameters(const at::Tensor& dy, const at::Tensor& x, double beta) const {
  weight->gradient.addmm_(dy.t(), x, beta, 1);
  if (bias) bias->gradient.mul_(beta).add_(dy.sum(0));
}

}  // namespace hyperfit
