#include "engine/activation.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include "kernels/activation.h"
#include "kernels/enabled.h"

namespace hyperfit {
namespace {

constexpr double kQuickSlope = 1.702;

const char* approximation(Activation f) { return f == Activation::gelu_tanh ? "tanh" : "none"; }

bool has_kernel(Activation f) { return f != Activation::gelu; }

/// Calls `body` with the kernels' type for f and with a pointer of the tensor's own type.
template <class Body>
void by_kernel(Activation f, const at::Tensor& tensor, Body body) {
  kernels::by_type(tensor, [&](auto* data) {
    if (f == Activation::silu) return body.template operator()<kernels::Silu>(data);
    if (f == Activation::gelu_tanh) return body.template operator()<kernels::GeluTanh>(data);
    body.template operator()<kernels::QuickGelu>(data);
  });
}

// quick_gelu is x sigmoid(a x) = silu(a x) / a, so that its slope is silu'(a x).
void activate_by_operators(at::Tensor& y, const at::Tensor& x, Activation f) {
  switch (f) {
    case Activation::silu:
      at::silu_out(y, x);
      return;
    case Activation::quick_gelu:
      at::mul_out(y, x, kQuickSlope);
      at::silu_out(y, y);
      y.mul_(1 / kQuickSlope);
      return;
    default:
      at::gelu_out(y, x, approximation(f));
  }
}

void activate_backward_by_operators(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f) {
  switch (f) {
    case Activation::silu:
      at::silu_backward_out(dx, dy, x);
      return;
    case Activation::quick_gelu:
      at::silu_backward_out(dx, dy, x.mul(kQuickSlope));
      return;
    default:
      at::gelu_backward_out(dx, dy, x, approximation(f));
  }
}

}  // namespace

void activate(at::Tensor& y, const at::Tensor& x, Activation f) {
  if (!has_kernel(f) || !kernels::takes_alike(y, x)) return activate_by_operators(y, x, f);
  by_kernel(f, y, [&]<class F, class T>(T* to) { kernels::activate<F>(to, x.data_ptr<T>(), y.numel()); });
}

void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f) {
  if (!has_kernel(f) || !kernels::takes_alike(dx, dy, x)) return activate_backward_by_operators(dx, dy, x, f);
  by_kernel(f, dx, [&]<class F, class T>(T* to) { kernels::activate_backward<F>(to, dy.data_ptr<T>(), x.data_ptr<T>(), dx.numel()); });
}

void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f) {
  if (has_kernel(f) && kernels::takes_alike(y, gate, up)) {
    return by_kernel(f, y, [&]<class F, class T>(T* to) {
      kernels::activate_gated<F>(to, gate.data_ptr<T>(), up.data_ptr<T>(), y.numel());
    });
  }
  activate_by_operators(y, gate, f);
  y.mul_(up);
}

void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate,
                             const at::Tensor& up, Activation f) {
  if (has_kernel(f) && kernels::takes_alike(dgate, dup, dy, gate, up)) {
    return by_kernel(f, dgate, [&]<class F, class T>(T* to) {
      kernels::activate_gated_backward<F>(to, dup.data_ptr<T>(), dy.data_ptr<T>(), gate.data_ptr<T>(), up.data_ptr<T>(), dy.numel());
    });
  }
  at::Tensor dvalue = dy.mul(up), value = at::empty_like(gate);
  activate_backward_by_operators(dgate, dvalue, gate, f);
  activate_by_operators(value, gate, f);
  at::mul_out(dup, dy, value);
  at::mul_out(dy, value, up);
}

}  // namespace hyperfit
