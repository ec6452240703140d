#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <tuple>

#include "binding/operators/operators.h"

namespace hyperfit::binding {
namespace {

// Without a bias the norm is that of the root mean square.
struct CheckedNorm {
  const at::Tensor weight, bias;
  const double eps, offset;

  CheckedNorm(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b, double with_eps, double with_offset)
      : weight(w), bias(b ? *b : at::Tensor()), eps(with_eps), offset(with_offset) {
    check_computes(x, 2);
    TORCH_CHECK(x.size(1) > 0, "expected `x` [rows, size], got ", x.sizes());
    check_float32(weight, {x.size(1)}, x);
    if (bias.defined()) check_float32(bias, {x.size(1)}, x);
  }
  NormWeights weights() const { return {bias.defined() ? NormType::layer : NormType::rms, weight, bias, eps, offset}; }
};

at::Tensor empty_of(const at::Tensor& x, at::ScalarType dtype) {
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "expected float32 or bfloat16 for `dtype`, got ", dtype);
  return at::empty(x.sizes(), x.options().dtype(dtype));
}

std::tuple<at::Tensor, at::Tensor> norm(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b, double eps,
                                        double offset, at::ScalarType dtype) {
  const CheckedNorm checked(x, w, b, eps, offset);
  at::Tensor y = empty_of(x, dtype), stats = at::empty({2, x.size(0), 1}, x.options().dtype(at::kFloat));
  select_ops(x.device()).norm(y, stats, x, checked.weights());
  return {y, stats};
}

at::Tensor norm_again(const at::Tensor& x, const at::Tensor& stats, const at::Tensor& w, const std::optional<at::Tensor>& b, double eps,
                      double offset, at::ScalarType dtype) {
  const CheckedNorm checked(x, w, b, eps, offset);
  check_float32(stats, {2, x.size(0), 1}, x);
  at::Tensor y = empty_of(x, dtype);
  select_ops(x.device()).norm_again(y, stats, x, checked.weights());
  return y;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> norm_backward(const at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x,
                                                             const at::Tensor& stats, const at::Tensor& w,
                                                             const std::optional<at::Tensor>& b, double offset, const at::Tensor& dw,
                                                             const at::Tensor& db, double beta) {
  const CheckedNorm checked(x, w, b, /*with_eps=*/0, offset);
  check_float32(stats, {2, x.size(0), 1}, x);
  check_alike(dx, x);
  check_alike(dw, w);
  check_alike(db, w);
  check_computes(dy, 2);
  TORCH_CHECK(dy.sizes() == x.sizes() && dy.device() == x.device(), "expected `dy` as `x`, got ", dy.sizes());
  at::Tensor new_dx = dx.clone(), scratch_dy = dy.clone(), new_dw = dw.clone(), new_db = db.clone(), scratch = at::empty_like(x);
  select_ops(x.device()).norm_backward(new_dx, scratch_dy, x, stats, checked.weights(), {new_dw, new_db, beta}, scratch);
  return {new_dx, new_dw, new_db};
}

}  // namespace

void define_norms(torch::Library& library) {
  library.def("norm(Tensor x, Tensor w, Tensor? b, float eps, float offset, ScalarType dtype) -> (Tensor, Tensor)", &norm);
  library.def("norm_again(Tensor x, Tensor stats, Tensor w, Tensor? b, float eps, float offset, ScalarType dtype) -> Tensor", &norm_again);
  library.def(
      "norm_backward(Tensor dx, Tensor dy, Tensor x, Tensor stats, Tensor w, Tensor? b, float offset, Tensor dw, Tensor db, float beta) "
      "-> (Tensor, Tensor, Tensor)",
      &norm_backward);
}

}  // namespace hyperfit::binding
