#include "engine/precision.h"

#include <ATen/ops/add.h>

#include "kernels/convert.h"
#include "kernels/enabled.h"

namespace hyperfit {
namespace {

bool is_pair(const at::Tensor& single, const at::Tensor& half) {
  return kernels::takes(single) && kernels::takes_any(half) && half.scalar_type() == at::kBFloat16;
}

}  // namespace

void round_to(at::Tensor& to, const at::Tensor& from) {
  if (is_pair(from, to)) return kernels::round_to_bfloat16(to.data_ptr<c10::BFloat16>(), from.data_ptr<float>(), from.numel());
  to.copy_(from);
}

void add_bfloat16_to(at::Tensor& y, const at::Tensor& addend, double beta) {
  if (is_pair(y, addend)) {
    return kernels::accumulate_bfloat16(y.data_ptr<float>(), addend.data_ptr<c10::BFloat16>(), static_cast<float>(beta), y.numel());
  }
  if (beta == 0) {
    y.copy_(addend);
  } else {
    y.mul_(beta).add_(addend);
  }
}

void add_out(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend) {
  if (kernels::takes(y, x) && is_pair(y, addend)) {
    return kernels::add_bfloat16(y.data_ptr<float>(), x.data_ptr<float>(), addend.data_ptr<c10::BFloat16>(), y.numel());
  }
  at::add_out(y, x, addend);
}

}  // namespace hyperfit
