#include "ops/cpu/by_type.h"
#include "ops/cpu/rotary/rotate.h"
#include "ops/cpu/table.h"

namespace hyperfit::cpu {
namespace {

kernels::HeadLayout layout(const at::Tensor& heads) { return {heads.stride(0), heads.stride(1), heads.stride(2)}; }

}  // namespace

void rotate(at::Tensor out, const at::Tensor& x, const Rotation& rotation, double sign) {
  if (!rotation.cos.defined()) {
    out.copy_(x);
    return;
  }
  const at::Tensor &cos = rotation.cos, &sin = rotation.sin;
  const bool per_row = cos.dim() == 4;
  kernels::by_type(out, [&]<class T>(T* to) {
    kernels::rotate_heads<T>({to, layout(out), x.data_ptr<T>(), layout(x), cos.data_ptr<float>(), sin.data_ptr<float>(),
                              per_row ? cos.stride(0) : 0, per_row ? 0 : cos.stride(0), x.size(0), x.size(1), x.size(2),
                              x.size(3) / 2, static_cast<float>(sign)});
  });
}

}  // namespace hyperfit::cpu
