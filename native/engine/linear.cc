#include "engine/linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>

#include "kernels/few_rows_linear.h"

namespace hyperfit {

bool Linear::by_kernel(const at::Tensor& x) const { return !transposed && kernels::is_few_rows(x, weight->value); }

void Linear::forward(at::Tensor& y, const at::Tensor& x) const {
  if (by_kernel(x)) {
    kernels::few_rows_linear(y, x, weight->value);
    if (bias) y.add_(bias->value);
  } else if (bias) {
    at::addmm_out(y, bias->value, x, in_out());
  } else {
    at::mm_out(y, x, in_out());
  }
}

void Linear::forward_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x) const {
  if (by_kernel(x)) {
    forward(y, x);
    y.add_(residual);
    return;
  }
  at::addmm_out(y, residual, x, in_out());
  if (bias) y.add_(bias->value);
}

void Linear::backward_input(at::Tensor& dx, const at::Tensor& dy, bool accumulate) const {
  if (accumulate) {
    dx.addmm_(dy, out_in());
  } else {
    at::mm_out(dx, dy, out_in());
  }
}

void Linear::backward_parameters(const at::Tensor& dy, const at::Tensor& x, double beta) const {
  if (transposed) {
    weight->gradient.addmm_(x.t(), dy, beta, 1);
  } else {
    weight->gradient.addmm_(dy.t(), x, beta, 1);
  }
  if (bias) bias->accumulate(dy.sum(0), beta);
}

}  // namespace hyperfit
