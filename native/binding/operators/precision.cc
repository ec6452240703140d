#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "binding/operators/operators.h"

namespace hyperfit::binding {
namespace {

void check_addend(const at::Tensor& addend, const at::Tensor& y) {
  check_computes(addend, y.dim());
  TORCH_CHECK(addend.sizes() == y.sizes() && addend.device() == y.device(), "expected an addend ", y.sizes(), ", got ", addend.sizes());
}

at::Tensor round(const at::Tensor& x, at::ScalarType dtype) {
  check_float32(x, x.sizes(), x);
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "expected float32 or bfloat16 for `dtype`, got ", dtype);
  at::Tensor to = at::empty(x.sizes(), x.options().dtype(dtype));
  select_ops(x.device()).round(to, x);
  return to;
}

at::Tensor add(const at::Tensor& x, const at::Tensor& addend) {
  check_float32(x, x.sizes(), x);
  check_addend(addend, x);
  at::Tensor y = at::empty_like(x);
  select_ops(x.device()).add(y, x, addend);
  return y;
}

at::Tensor accumulate(const at::Tensor& y, const at::Tensor& addend, double beta) {
  check_float32(y, y.sizes(), y);
  check_addend(addend, y);
  at::Tensor result = y.clone();
  select_ops(y.device()).accumulate(result, addend, beta);
  return result;
}

at::Tensor sum_rows(const at::Tensor& y, const at::Tensor& x, double beta) {
  check_computes(x, 2);
  check_float32(y, {x.size(1)}, x);
  at::Tensor result = y.clone();
  select_ops(x.device()).sum_rows(result, x, beta);
  return result;
}

}  // namespace

void define_precision(torch::Library& library) {
  library.def("round(Tensor x, ScalarType dtype) -> Tensor", &round);
  library.def("add(Tensor x, Tensor addend) -> Tensor", &add);
  library.def("accumulate(Tensor y, Tensor addend, float beta) -> Tensor", &accumulate);
  library.def("sum_rows(Tensor y, Tensor x, float beta) -> Tensor", &sum_rows);
}

}  // namespace hyperfit::binding
