#include <ATen/ops/mul.h>

#include "ops/aten/table.h"

namespace hyperfit::aten {

// Source: Gemma 2 technical report 2024, section 2.
void softcap(at::Tensor& x, double cap, at::Tensor ratio) {
  if (!ratio.defined()) ratio = x;
  at::mul_out(ratio, x, number(1 / cap));
  ratio.tanh_();
  at::mul_out(x, ratio, number(cap));
}

void softcap_backward(at::Tensor& dy, at::Tensor& ratio) {
  ratio.mul_(ratio);
  dy.sub_(ratio.mul_(dy));
}

}  // namespace hyperfit::aten
