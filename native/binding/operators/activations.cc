#include <ATen/ops/empty_like.h>

#include <string>
#include <tuple>

#include "binding/operators/operators.h"
#include "ops/activation_names.h"

namespace hyperfit::binding {
namespace {

Activation read_activation(const std::string& name) {
  for (const auto& [known, activation] : kActivationNames) {
    if (name == known) return activation;
  }
  TORCH_CHECK(false, "expected silu, gelu, gelu_tanh or quick_gelu for `name`, got ", name);
}

at::Tensor activate(const at::Tensor& x, std::string name) {
  check_computes(x, x.dim());
  at::Tensor y = at::empty_like(x);
  select_ops(x.device()).activate(y, x, read_activation(name));
  return y;
}

at::Tensor activate_backward(const at::Tensor& dy, const at::Tensor& x, std::string name) {
  check_computes(x, x.dim());
  check_alike(dy, x);
  at::Tensor dx = at::empty_like(x);
  select_ops(x.device()).activate_backward(dx, dy, x, read_activation(name));
  return dx;
}

at::Tensor activate_gated(const at::Tensor& gate, const at::Tensor& up, std::string name) {
  check_computes(gate, gate.dim());
  check_alike(up, gate);
  at::Tensor y = at::empty_like(gate);
  select_ops(gate.device()).activate_gated(y, gate, up, read_activation(name));
  return y;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> activate_gated_backward(const at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                                                                       std::string name) {
  check_computes(gate, gate.dim());
  check_alike(up, gate);
  check_alike(dy, gate);
  at::Tensor dgate = at::empty_like(gate), dup = at::empty_like(gate), y = dy.clone();
  select_ops(gate.device()).activate_gated_backward(dgate, dup, y, gate, up, read_activation(name));
  return {dgate, dup, y};
}

std::tuple<at::Tensor, at::Tensor> softcap(const at::Tensor& x, double cap) {
  check_computes(x, x.dim());
  at::Tensor y = x.clone(), ratio = at::empty_like(x);
  select_ops(x.device()).softcap(y, cap, ratio);
  return {y, ratio};
}

at::Tensor softcap_backward(const at::Tensor& dy, const at::Tensor& ratio) {
  check_computes(dy, dy.dim());
  check_alike(ratio, dy);
  at::Tensor dx = dy.clone(), scratch = ratio.clone();
  select_ops(dy.device()).softcap_backward(dx, scratch);
  return dx;
}

}  // namespace

void define_activations(torch::Library& library) {
  library.def("activate(Tensor x, str name) -> Tensor", &activate);
  library.def("activate_backward(Tensor dy, Tensor x, str name) -> Tensor", &activate_backward);
  library.def("activate_gated(Tensor gate, Tensor up, str name) -> Tensor", &activate_gated);
  library.def("activate_gated_backward(Tensor dy, Tensor gate, Tensor up, str name) -> (Tensor, Tensor, Tensor)", &activate_gated_backward);
  library.def("softcap(Tensor x, float cap) -> (Tensor, Tensor)", &softcap);
  library.def("softcap_backward(Tensor dy, Tensor ratio) -> Tensor", &softcap_backward);
}

}  // namespace hyperfit::binding
