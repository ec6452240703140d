#include "ops/aten/table.h"
#include "ops/cpu/convert/convert.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {
namespace {

bool is_half(const at::Tensor& tensor) { return tensor.scalar_type() == at::kBFloat16; }

}  // namespace

void round(at::Tensor& to, const at::Tensor& from) {
  if (!is_half(to)) return aten::round(to, from);
  kernels::round_to_bfloat16(to.data_ptr<c10::BFloat16>(), from.data_ptr<float>(), from.numel());
}

void add(at::Tensor& y, const at::Tensor& x, const at::Tensor& addend) {
  if (!is_half(addend)) return aten::add(y, x, addend);
  kernels::add_bfloat16(y.data_ptr<float>(), x.data_ptr<float>(), addend.data_ptr<c10::BFloat16>(), y.numel());
}

void accumulate(at::Tensor& y, const at::Tensor& addend, double beta) {
  if (!is_half(addend)) return aten::accumulate(y, addend, beta);
  kernels::accumulate_bfloat16(y.data_ptr<float>(), addend.data_ptr<c10::BFloat16>(), static_cast<float>(beta), y.numel());
}

}  // namespace hyperfit::cpu
