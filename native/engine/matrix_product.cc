#include "engine/matrix_product.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/mm.h>

#include "kernels/enabled.h"

// Exported by libtorch_cpu, but in no header of the wheel; null in a build that lacks it. Computes
// result = alpha mat1 mat2 + beta result by oneDNN.
namespace at::native {
__attribute__((weak)) void mkldnn_matmul(const Tensor& mat1, const Tensor& mat2, const Tensor& result, float beta, float alpha);
}

namespace hyperfit {
namespace {

// at::mm multiplies float32 by MKL alone, which on other makers' processors uses half of an AVX-512 unit, where oneDNN uses
// all of it: 2.4 times the rate on a Zen 5. The choice follows from the machine, never from a timing, so that results repeat.
bool prefers_onednn() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool kPrefers = at::native::mkldnn_matmul != nullptr && !__builtin_cpu_is("intel") && __builtin_cpu_supports("avx512f");
  return kPrefers;
#else
  return false;
#endif
}

bool by_onednn(const at::Tensor& y, const at::Tensor& a) {
  return prefers_onednn() && kernels::takes(y) && a.scalar_type() == at::kFloat;
}

}  // namespace

void multiply_out(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta) {
  if (by_onednn(y, a)) {
    at::native::mkldnn_matmul(a, b, y, static_cast<float>(beta), 1.0f);
  } else if (a.dim() == 3) {
    beta == 0 ? at::bmm_out(y, a, b) : y.baddbmm_(a, b, beta, 1);
  } else {
    beta == 0 ? at::mm_out(y, a, b) : y.addmm_(a, b, beta, 1);
  }
}

}  // namespace hyperfit
