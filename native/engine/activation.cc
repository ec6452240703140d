#include "engine/activation.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include "kernels/enabled.h"
#include "kernels/swiglu.h"

namespace hyperfit {
namespace {

constexpr double kQuickSlope = 1.702;

const char* approximation(Activation f) { return f == Activation::gelu_tanh ? "tanh" : "none"; }

}  // namespace

// quick_gelu is x sigmoid(a x) = silu(a x) / a, so that its slope is silu'(a x).
void activate(at::Tensor& y, const at::Tensor& x, Activation f) {
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

void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f) {
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

void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f) {
  if (f == Activation::silu && kernels::takes_alike(y, gate, up)) {
    return kernels::by_type(y, [&]<class T>(T* to) { kernels::swiglu_forward(to, gate.data_ptr<T>(), up.data_ptr<T>(), y.numel()); });
  }
  activate(y, gate, f);
  y.mul_(up);
}

void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate,
                             const at::Tensor& up, Activation f) {
  if (f == Activation::silu && kernels::takes_alike(dgate, dup, dy, gate, up)) {
    return kernels::by_type(dgate, [&]<class T>(T* to) {
      kernels::swiglu_backward(to, dup.data_ptr<T>(), dy.data_ptr<T>(), gate.data_ptr<T>(), up.data_ptr<T>(), dy.numel());
    });
  }
  activate(dup, gate, f);
  dup.mul_(dy);
  dy.mul_(up);
  activate_backward(dgate, dy, gate, f);
}

}  // namespace hyperfit
