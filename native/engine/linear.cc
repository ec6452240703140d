#include "engine/linear.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>

#include <algorithm>

#include "engine/matrix_product.h"
#include "engine/precision.h"
#include "kernels/few_rows_linear.h"

namespace hyperfit {

bool Linear::by_kernel(const at::Tensor& x) const { return kernels::is_few_rows(x, weight->compute); }

void Linear::multiply_few_rows(at::Tensor& y, const at::Tensor& x) const {
  if (transposed) {
    kernels::few_rows_linear_transposed(y, x, weight->compute);
  } else {
    kernels::few_rows_linear(y, x, weight->compute);
  }
}

void Linear::forward(at::Tensor& y, const at::Tensor& x) const {
  if (by_kernel(x)) {
    multiply_few_rows(y, x);
  } else {
    multiply_out(y, x, in_out());
  }
  if (bias) y.add_(bias->compute);
}

void Linear::forward_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, at::Tensor& product) const {
  if (by_kernel(x)) {
    multiply_few_rows(product, x);
    add_out(y, residual, product);
  } else {
    multiply_add_out(y, residual, x, in_out(), product);
  }
  if (bias) y.add_(bias->value);
}

void Linear::forward_exact(at::Tensor& y, const at::Tensor& x) const {
  for (int64_t row = 0; row < x.size(0); row += kernels::kFewRows) {
    const int64_t rows = std::min(kernels::kFewRows, x.size(0) - row);
    at::Tensor some_y = y.narrow(0, row, rows), some_x = x.narrow(0, row, rows);
    if (by_kernel(some_x)) {
      multiply_few_rows(some_y, some_x);
    } else {
      at::mm_out(some_y, some_x.to(at::kFloat), in_out().to(at::kFloat));
    }
  }
}

void Linear::backward_input(at::Tensor& dx, const at::Tensor& dy, bool accumulate) const {
  multiply_out(dx, dy, out_in(), accumulate ? 1 : 0);
}

void Linear::backward_parameters(const at::Tensor& dy, const at::Tensor& x, double beta) const {
  if (transposed) {
    weight->accumulate_product(x.t(), dy, beta);
  } else {
    weight->accumulate_product(dy.t(), x, beta);
  }
  if (bias) bias->accumulate(dy.sum(0, /*keepdim=*/false, at::kFloat), beta);
}

}  // namespace hyperfit
