#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include "ops/arena.h"
#include "ops/aten/table.h"

namespace hyperfit::aten {
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
      at::mul_out(y, x, number(kQuickSlope));
      at::silu_out(y, y);
      scale(y, 1 / kQuickSlope);
      return;
    case Activation::gelu:
    case Activation::gelu_tanh:
      at::gelu_out(y, x, approximation(f));
  }
}

void activate_backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, Activation f) {
  switch (f) {
    case Activation::silu:
      at::silu_backward_out(dx, dy, x);
      return;
    case Activation::quick_gelu: {
      const Temporaries temporaries;
      at::Tensor steep = temporaries.like(x);
      at::mul_out(steep, x, number(kQuickSlope));
      at::silu_backward_out(dx, dy, steep);
      return;
    }
    case Activation::gelu:
    case Activation::gelu_tanh:
      at::gelu_backward_out(dx, dy, x, approximation(f));
  }
}

void activate_gated(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up, Activation f) {
  activate(y, gate, f);
  y.mul_(up);
}

void activate_gated_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up,
                             Activation f) {
  const Temporaries temporaries;
  at::Tensor value = temporaries.like(gate);
  at::mul_out(dup, dy, up);  // the gradient of the value, until dgate has it
  activate_backward(dgate, dup, gate, f);
  activate(value, gate, f);
  at::mul_out(dup, dy, value);
  at::mul_out(dy, value, up);
}

}  // namespace hyperfit::aten
