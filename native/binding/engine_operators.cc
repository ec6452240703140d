#include "binding/engine_operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "binding/kernel_operators.h"
#include "engine/activation.h"
#include "engine/norm.h"
#include "kernels/instruction_set.h"

namespace hyperfit::binding {
namespace {

Activation read_activation(const std::string& name) {
  if (name == "silu") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_tanh") return Activation::gelu_tanh;
  TORCH_CHECK(name == "quick_gelu", "expected silu, gelu, gelu_tanh or quick_gelu for `name`, got ", name);
  return Activation::quick_gelu;
}

void check_alike(const at::Tensor& tensor, const at::Tensor& first) {
  TORCH_CHECK(tensor.sizes() == first.sizes() && tensor.scalar_type() == first.scalar_type() && tensor.device() == first.device(),
              "expected tensors of one shape, type and device, got ", first.toString(), first.sizes(), " and ", tensor.toString(), tensor.sizes());
}

at::Tensor activate_operator(const at::Tensor& x, std::string name) {
  at::Tensor y = at::empty_like(x);
  activate(y, x, read_activation(name));
  return y;
}

at::Tensor activate_backward_operator(const at::Tensor& dy, const at::Tensor& x, std::string name) {
  check_alike(dy, x);
  at::Tensor dx = at::empty_like(x);
  activate_backward(dx, dy, x, read_activation(name));
  return dx;
}

at::Tensor activate_gated_operator(const at::Tensor& gate, const at::Tensor& up, std::string name) {
  check_alike(up, gate);
  at::Tensor y = at::empty_like(gate);
  activate_gated(y, gate, up, read_activation(name));
  return y;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> activate_gated_backward_operator(const at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up, std::string name) {
  check_alike(up, gate);
  check_alike(dy, gate);
  at::Tensor dgate = at::empty_like(gate), dup = at::empty_like(gate), y = dy.clone();
  activate_gated_backward(dgate, dup, y, gate, up, read_activation(name));
  return {dgate, dup, y};
}

/// Weight and bias of a norm, which the engine knows as parameters of a model; without a bias it is that of the root mean square.
struct OperatorNorm {
  Parameter weight, bias;

  OperatorNorm(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b) {
    TORCH_CHECK(x.dim() == 2 && x.size(1) > 0, "expected `x` [rows, size], got ", x.sizes());
    take(weight, w, x);
    if (b) take(bias, *b, x);
  }
  Norm norm(double eps, double offset) {
    Norm made;
    made.type = bias.value.defined() ? NormType::layer : NormType::rms;
    made.weight = &weight;
    made.bias = &bias;
    made.eps = eps;
    made.offset = static_cast<float>(offset);
    return made;
  }

 private:
  static void take(Parameter& parameter, const at::Tensor& value, const at::Tensor& x) {
    TORCH_CHECK(value.scalar_type() == at::kFloat && value.sizes() == at::IntArrayRef{x.size(1)}, "expected float32 [", x.size(1),
                "] for a weight, got ", value.toString(), value.sizes());
    parameter.value = value;
  }
};

at::Tensor float_like(const at::Tensor& x, at::IntArrayRef sizes) { return at::empty(sizes, x.options().dtype(at::kFloat)); }

std::tuple<at::Tensor, at::Tensor> norm_operator(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b, double eps, double offset,
                                                 at::ScalarType dtype) {
  OperatorNorm parameters(x, w, b);
  at::Tensor y = at::empty(x.sizes(), x.options().dtype(dtype)), stats = float_like(x, {2, x.size(0), 1});
  parameters.norm(eps, offset).forward(y, stats, x);
  return {y, stats};
}

at::Tensor norm_recompute_operator(const at::Tensor& x, const at::Tensor& stats, const at::Tensor& w, const std::optional<at::Tensor>& b, double eps,
                                   double offset, at::ScalarType dtype) {
  OperatorNorm parameters(x, w, b);
  check_alike(stats, float_like(x, {2, x.size(0), 1}));
  at::Tensor y = at::empty(x.sizes(), x.options().dtype(dtype));
  parameters.norm(eps, offset).recompute(y, stats, x);
  return y;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> norm_backward_operator(const at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x,
                                                                      const at::Tensor& stats, const at::Tensor& w, const std::optional<at::Tensor>& b,
                                                                      double offset, const at::Tensor& dw, const at::Tensor& db, double beta) {
  OperatorNorm parameters(x, w, b);
  check_alike(stats, float_like(x, {2, x.size(0), 1}));
  check_alike(dx, x);
  check_alike(dw, w);
  check_alike(db, w);
  TORCH_CHECK(dy.sizes() == x.sizes(), "expected `dy` as `x`, got ", dy.sizes());
  at::Tensor new_dx = dx.clone(), scratch_dy = dy.clone();
  parameters.weight.gradient = dw.clone();
  parameters.bias.gradient = db.clone();
  parameters.norm(0, offset).backward(new_dx, scratch_dy, x, stats, at::empty_like(x), beta);
  return {new_dx, parameters.weight.gradient, parameters.bias.gradient};
}

/// What kernels that know how use from now on; gives what that is, which may be older where the machine is.
std::string limit_instruction_set_operator(std::string newest) {
  static const std::vector<std::string> names = {"plain", "avx2", "avx512", "avx512_bf16"};  // in the order of InstructionSet
  const auto found = std::find(names.begin(), names.end(), newest);
  TORCH_CHECK(found != names.end(), "expected plain, avx2, avx512 or avx512_bf16 for `newest`, got ", newest);
  kernels::limit_instruction_set(static_cast<kernels::InstructionSet>(found - names.begin()));
  return names[static_cast<size_t>(kernels::instruction_set())];
}

// Never destroyed: a worker may outlive main.
torch::Library* define_operators() {
  auto* library = new torch::Library(torch::Library::FRAGMENT, "hyperfit", std::nullopt, __FILE__, __LINE__);
  library->def("activate(Tensor x, str name) -> Tensor", &activate_operator);
  library->def("activate_backward(Tensor dy, Tensor x, str name) -> Tensor", &activate_backward_operator);
  library->def("activate_gated(Tensor gate, Tensor up, str name) -> Tensor", &activate_gated_operator);
  library->def("activate_gated_backward(Tensor dy, Tensor gate, Tensor up, str name) -> (Tensor, Tensor, Tensor)", &activate_gated_backward_operator);
  library->def("norm(Tensor x, Tensor w, Tensor? b, float eps, float offset, ScalarType dtype) -> (Tensor, Tensor)", &norm_operator);
  library->def("norm_recompute(Tensor x, Tensor stats, Tensor w, Tensor? b, float eps, float offset, ScalarType dtype) -> Tensor", &norm_recompute_operator);
  library->def(
      "norm_backward(Tensor dx, Tensor dy, Tensor x, Tensor stats, Tensor w, Tensor? b, float offset, Tensor dw, Tensor db, float beta) "
      "-> (Tensor, Tensor, Tensor)",
      &norm_backward_operator);
  library->def("limit_instruction_set(str newest) -> str", &limit_instruction_set_operator);
  define_kernel_operators(*library);
  return library;
}

}  // namespace

// Operators belong to the process, where a second copy of this addon may have made them already.
void register_engine_operators() {
  if (c10::Dispatcher::singleton().findSchema({"hyperfit::activate", ""})) return;
  [[maybe_unused]] static torch::Library* const library = define_operators();
}

}  // namespace hyperfit::binding
