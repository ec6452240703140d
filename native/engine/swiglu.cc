#include "engine/swiglu.h"

#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

namespace hyperfit {

void swiglu_forward(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up) {
  at::silu_out(y, gate);
  y.mul_(up);
}

void swiglu_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up) {
  at::silu_out(dup, gate);
  dup.mul_(dy);
  dy.mul_(up);
  at::silu_backward_out(dgate, dy, gate);
}

}  // namespace hyperfit
