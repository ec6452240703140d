#include "engine/swiglu.h"

#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include "kernels/enabled.h"
#include "kernels/swiglu.h"

namespace hyperfit {
namespace {

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

}  // namespace

void swiglu_forward(at::Tensor& y, const at::Tensor& gate, const at::Tensor& up) {
  if (kernels::takes(y, gate, up)) return kernels::swiglu_forward(data(y), data(gate), data(up), y.numel());
  at::silu_out(y, gate);
  y.mul_(up);
}

void swiglu_backward(at::Tensor& dgate, at::Tensor& dup, at::Tensor& dy, const at::Tensor& gate, const at::Tensor& up) {
  if (kernels::takes(dgate, dup, dy, gate, up)) {
    return kernels::swiglu_backward(data(dgate), data(dup), data(dy), data(gate), data(up), dy.numel());
  }
  at::silu_out(dup, gate);
  dup.mul_(dy);
  dy.mul_(up);
  at::silu_backward_out(dgate, dy, gate);
}

}  // namespace hyperfit
