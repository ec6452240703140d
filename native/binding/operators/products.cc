#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <tuple>

#include "binding/operators/operators.h"

namespace hyperfit::binding {
namespace {

// Operands may be transposed views, as the engine's are.
at::Tensor dense_operand(const at::Tensor& matrix) {
  return matrix.stride(-1) == 1 || matrix.stride(-2) == 1 ? matrix : matrix.contiguous();
}

at::Tensor matmul(const at::Tensor& a, const at::Tensor& b, const std::optional<at::Tensor>& y, double beta, at::ScalarType dtype) {
  const bool computes = a.scalar_type() == at::kFloat || a.scalar_type() == at::kBFloat16;
  const bool fits = a.dim() == b.dim() && (a.dim() == 2 || (a.dim() == 3 && a.size(0) == b.size(0))) && a.size(-1) == b.size(-2);
  TORCH_CHECK(computes && fits && a.scalar_type() == b.scalar_type() && a.device() == b.device(),
              "expected matrices, or as many of them, that can be multiplied, got ", a.toString(), a.sizes(), " and ", b.toString(),
              b.sizes());
  TORCH_CHECK(dtype == a.scalar_type() || (dtype == at::kFloat && a.dim() == 2),
              "expected the type of `a`, or float32 of matrices, for `dtype`, got ", dtype);
  std::vector<int64_t> shape = a.sizes().vec();
  shape.back() = b.size(-1);
  at::Tensor result = y ? y->clone() : at::empty(shape, a.options().dtype(dtype));
  TORCH_CHECK(
      result.sizes() == at::IntArrayRef(shape) && result.scalar_type() == dtype && result.device() == a.device() && result.is_contiguous(),
      "expected `y` of the product's shape, `dtype` and device, dense, got ", result.toString(), result.sizes());
  select_ops(a.device()).matmul(result, dense_operand(a), dense_operand(b), y ? beta : 0, {});
  return result;
}

struct CheckedLinear {
  const at::Tensor weight, bias;
  const bool transposed;

  CheckedLinear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b, bool is_transposed, at::ScalarType bias_type)
      : weight(w), bias(b ? *b : at::Tensor()), transposed(is_transposed) {
    check_computes(x, 2);
    check_computes(w, 2);
    TORCH_CHECK(w.scalar_type() == x.scalar_type() && w.device() == x.device() && w.size(transposed ? 0 : 1) == x.size(1) && x.numel() > 0,
                "expected rows and a weight of their type and size, got ", x.toString(), x.sizes(), " and ", w.toString(), w.sizes());
    if (!bias.defined()) return;
    TORCH_CHECK(bias.sizes() == at::IntArrayRef{out()} && bias.scalar_type() == bias_type && bias.device() == x.device(),
                "expected a bias of ", bias_type, " [", out(), "], got ", bias.toString(), bias.sizes());
  }
  int64_t out() const { return weight.size(transposed ? 1 : 0); }
  LinearWeights weights() const { return {weight, bias, transposed}; }
};

at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b, bool transposed) {
  const CheckedLinear checked(x, w, b, transposed, x.scalar_type());
  at::Tensor y = at::empty({x.size(0), checked.out()}, x.options());
  select_ops(x.device()).linear(y, x, checked.weights());
  return y;
}

at::Tensor linear_residual(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b,
                           bool transposed) {
  const CheckedLinear checked(x, w, b, transposed, at::kFloat);
  check_float32(residual, {x.size(0), checked.out()}, x);
  at::Tensor y = at::empty_like(residual), product = at::empty(residual.sizes(), x.options());
  select_ops(x.device()).linear_residual(y, residual, x, checked.weights(), product);
  return y;
}

/// Gives y, its norm of x's type and the norm's statistics; without a norm's bias that of the root mean square.
std::tuple<at::Tensor, at::Tensor, at::Tensor> linear_residual_norm(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& w,
                                                                    const std::optional<at::Tensor>& b, bool transposed,
                                                                    const at::Tensor& norm_weight,
                                                                    const std::optional<at::Tensor>& norm_bias, double eps, double offset) {
  const CheckedLinear checked(x, w, b, transposed, at::kFloat);
  check_float32(residual, {x.size(0), checked.out()}, x);
  check_float32(norm_weight, {checked.out()}, x);
  if (norm_bias) check_float32(*norm_bias, {checked.out()}, x);
  const at::Tensor bias = norm_bias ? *norm_bias : norm_weight;
  const NormWeights norm{norm_bias ? NormType::layer : NormType::rms, norm_weight, bias, eps, offset};
  const Ops& ops = select_ops(x.device());
  at::Tensor y = at::empty_like(residual), normed = at::empty(residual.sizes(), x.options()), product = at::empty_like(normed);
  at::Tensor stats = at::empty({2, x.size(0), 1}, residual.options());
  if (ops.linear_residual_norm) {
    ops.linear_residual_norm(y, normed, stats, residual, x, checked.weights(), product, norm);
  } else {
    ops.linear_residual(y, residual, x, checked.weights(), product);
    ops.norm(normed, stats, y, norm);
  }
  return {y, normed, stats};
}

at::Tensor linear_float32(const at::Tensor& x, const at::Tensor& w, bool transposed) {
  const CheckedLinear checked(x, w, {}, transposed, at::kFloat);
  at::Tensor y = at::empty({x.size(0), checked.out()}, x.options().dtype(at::kFloat));
  select_ops(x.device()).linear_float32(y, x, checked.weights());
  return y;
}

}  // namespace

void define_products(torch::Library& library) {
  library.def("matmul(Tensor a, Tensor b, Tensor? y, float beta, ScalarType dtype) -> Tensor", &matmul);
  library.def("linear(Tensor x, Tensor w, Tensor? b, bool transposed) -> Tensor", &linear);
  library.def("linear_residual(Tensor residual, Tensor x, Tensor w, Tensor? b, bool transposed) -> Tensor", &linear_residual);
  library.def(
      "linear_residual_norm(Tensor residual, Tensor x, Tensor w, Tensor? b, bool transposed, Tensor norm_weight, "
      "Tensor? norm_bias, float eps, float offset) -> (Tensor, Tensor, Tensor)",
      &linear_residual_norm);
  library.def("linear_float32(Tensor x, Tensor w, bool transposed) -> Tensor", &linear_float32);
}

}  // namespace hyperfit::binding
