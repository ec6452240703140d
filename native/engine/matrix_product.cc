#include "engine/matrix_product.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/mm.h>

#include "engine/precision.h"
#include "kernels/bfloat16_product.h"
#include "kernels/enabled.h"
#include "kernels/instruction_set.h"

// Exported by libtorch_cpu, but in no header of the wheel; null in a build that lacks it. Computes
// result = alpha mat1 mat2 + beta result by oneDNN.
namespace at::native {
__attribute__((weak)) void mkldnn_matmul(const Tensor& mat1, const Tensor& mat2, const Tensor& result, float beta, float alpha);
}

namespace hyperfit {
namespace {

// at::mm multiplies float32 by MKL alone, which on other makers' processors uses half of an AVX-512 unit, where oneDNN uses
// all of it: 2.4 times the rate on a Zen 5. Without AVX-512 libtorch refuses this way to oneDNN. The choice follows from the
// machine, never from a timing, so that results repeat.
bool prefers_onednn() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool kPrefers = at::native::mkldnn_matmul != nullptr && !__builtin_cpu_is("intel");
  return kPrefers && kernels::instruction_set() >= kernels::InstructionSet::avx512;
#else
  return false;
#endif
}

bool by_onednn(const at::Tensor& y, const at::Tensor& a) {
  return prefers_onednn() && kernels::takes(y) && a.scalar_type() == at::kFloat;
}

bool is_dense(const at::Tensor& matrix) { return matrix.stride(0) == 1 || matrix.stride(1) == 1; }

// Our kernel adds up in float32 whatever it writes: one rounding, or none, and no pass over memory to convert or add.
bool by_kernel(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta) {
  const bool types = a.scalar_type() == at::kBFloat16 && b.scalar_type() == at::kBFloat16 && (y.scalar_type() == at::kFloat || beta == 0);
  return types && a.dim() == 2 && sums_bfloat16_in_float32(a) && is_dense(a) && is_dense(b) && y.stride(1) == 1;
}

kernels::Bfloat16Matrix matrix(const at::Tensor& t) {
  if (t.stride(1) == 1) return {t.data_ptr<c10::BFloat16>(), t.stride(0), 1};
  return {t.data_ptr<c10::BFloat16>(), 1, t.stride(1)};
}

// What is read by columns has to be laid out anew before it can be the left operand; of two such, the smaller one is, and
// the product is computed transposed: (a b)^T = b^T a^T.
void multiply_by_kernel(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, const at::Tensor* addend) {
  const bool transposed = a.stride(1) != 1 && a.size(0) > b.size(1);
  const float* added = addend ? addend->data_ptr<float>() : nullptr;
  const int64_t added_stride = addend ? addend->stride(0) : 0;
  kernels::by_type(y, [&]<class Y>(Y* to) {
    if (transposed) {
      kernels::bfloat16_product<Y>({to, y.stride(0), true, added, added_stride, matrix(b.t()), matrix(a.t()), y.size(1), y.size(0), a.size(1)});
    } else {
      kernels::bfloat16_product<Y>({to, y.stride(0), false, added, added_stride, matrix(a), matrix(b), y.size(0), y.size(1), a.size(1)});
    }
  });
}

}  // namespace

bool sums_bfloat16_in_float32(const at::Tensor& a) { return kernels::enabled() && kernels::multiplies_bfloat16() && a.is_cpu(); }

void multiply_out(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta) {
  if (by_kernel(y, a, b, beta)) {
    multiply_by_kernel(y, a, b, beta == 0 ? nullptr : &y);
  } else if (by_onednn(y, a)) {
    at::native::mkldnn_matmul(a, b, y, static_cast<float>(beta), 1.0f);
  } else if (y.scalar_type() != a.scalar_type()) {
    add_bfloat16_to(y, at::mm(a, b), beta);
  } else if (a.dim() == 3) {
    beta == 0 ? at::bmm_out(y, a, b) : y.baddbmm_(a, b, beta, 1);
  } else {
    beta == 0 ? at::mm_out(y, a, b) : y.addmm_(a, b, beta, 1);
  }
}

void multiply_add_out(at::Tensor& y, const at::Tensor& addend, const at::Tensor& a, const at::Tensor& b, at::Tensor& product) {
  if (by_kernel(y, a, b, 1)) return multiply_by_kernel(y, a, b, &addend);
  multiply_out(product, a, b);
  add_out(y, addend, product);
}

}  // namespace hyperfit
