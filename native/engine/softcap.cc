#include "engine/softcap.h"

#include <ATen/ops/mul.h>

namespace hyperfit {

void softcap_(at::Tensor& x, double cap) { x.mul_(1 / cap).tanh_().mul_(cap); }

void softcap_(at::Tensor& x, double cap, at::Tensor& ratio) {
  at::mul_out(ratio, x, 1 / cap);
  ratio.tanh_();
  at::mul_out(x, ratio, cap);
}

void softcap_backward_(at::Tensor& dy, at::Tensor& ratio) {
  ratio.mul_(ratio);
  dy.sub_(ratio.mul_(dy));
}

}  // namespace hyperfit
