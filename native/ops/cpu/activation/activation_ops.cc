#include "ops/aten/table.h"
#include "ops/cpu/activation/activation.h"
#include "ops/cpu/by_type.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {
namespace {

// Of whole tensors libtorch's GELU is faster than ours was.
bool has_kernel(Activation f) { return f == Activation::silu || f == Activation::gelu_tanh || f == Activation::quick_gelu; }

/// Calls `body` with the kernels' type for f and with a pointer of the tensor's own type.
template <class Body>
void with_kernel(Activation f, const at::Tensor& tensor, Body body) {
  kernels::by_type(tensor, [&](auto* data) {
    if (f == Activation::silu) return body.template operator()<kernels::Silu>(data);
    if (f == Activation::gelu_tanh) return body.template operator()<kernels::GeluTanh>(data);
    body.template operator()<kernels::QuickGelu>(data);
  });
}

}  // namespace

void activate(at::Tensor& y, const at::Tensor& x, Activation f) {
  if (!has_kernel(f)) return aten::activate(y, x, f);
  with_kernel(f, y, [&]<class F, class T>(T* to) { kernels::activate<F>(to, x.data_ptr<T>(), y.numel()); });
}

void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f) {
  if (!has_kernel(f)) return aten::activate_backward(dx, dy, x, f);
  with_kernel(f, dx, [&]<class F, class T>(T* to) { kernels::activate_backward<F>(to, dy.data_ptr<T>(), x.data_ptr<T>(), dx.numel()); });
}

void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f) {
  if (!has_kernel(f)) return aten::activate_gated(y, gate, up, f);
  with_kernel(f, y, [&]<class F, class T>(T* to) { kernels::activate_gated<F>(to, gate.data_ptr<T>(), up.data_ptr<T>(), y.numel()); });
}

void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                             Activation f) {
  if (!has_kernel(f)) return aten::activate_gated_backward(dgate, dup, dy, gate, up, f);
  with_kernel(f, dgate, [&]<class F, class T>(T* to) {
    kernels::activate_gated_backward<F>(to, dup.data_ptr<T>(), dy.data_ptr<T>(), gate.data_ptr<T>(), up.data_ptr<T>(), dy.numel());
  });
}

}  // namespace hyperfit::cpu
