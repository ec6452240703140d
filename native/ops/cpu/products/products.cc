// Which product multiplies: ours of a few rows, ours of bfloat16 or float32, oneDNN's, or libtorch's choice.
#include <ATen/ops/mm.h>

#include <algorithm>
#include <type_traits>

#include "ops/arena.h"
#include "ops/aten/table.h"
#include "ops/cpu/bfloat16_gemm/bfloat16_gemm.h"
#include "ops/cpu/by_type.h"
#include "ops/cpu/float32_gemm/float32_gemm.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/skinny_gemm/skinny_gemm.h"
#include "ops/cpu/table.h"
#include "ops/cpu/tiles/split_gemm.h"

// Exported by libtorch_cpu, but in no header of the wheel; null in a build that lacks it. Computes
// result = alpha mat1 mat2 + beta result by oneDNN.
namespace at::native {
__attribute__((weak)) void mkldnn_matmul(const Tensor& mat1, const Tensor& mat2, const Tensor& result, float beta, float alpha);
}

namespace hyperfit::cpu {
namespace {

// at::mm multiplies float32 by MKL alone, which on other makers' processors uses half of an AVX-512 unit: on a Zen 5 ours, and oneDNN's,
// are 2.4 times as fast. The choice follows from the machine, never from a timing, so that results repeat.
bool is_intel() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool kIntel = __builtin_cpu_is("intel");
  return kIntel;
#else
  return false;
#endif
}

bool by_onednn(const at::Tensor& y, const at::Tensor& a) {
  const bool prefers = at::native::mkldnn_matmul != nullptr && !is_intel() && kernels::instruction_set() >= kernels::InstructionSet::avx512;
  return prefers && y.scalar_type() == at::kFloat && a.scalar_type() == at::kFloat && y.is_contiguous();
}

bool is_dense(const at::Tensor& matrix) { return matrix.stride(0) == 1 || matrix.stride(1) == 1; }

// Our kernels add up in float32 whatever they write: one rounding, or none, and no pass over memory to convert or add.
bool have_kernel(at::ScalarType y, at::ScalarType a, double beta) {
  if (a == at::kBFloat16) return kernels::multiplies_bfloat16() && (beta == 0 || (beta == 1 && y == at::kFloat));
  const bool pays = kernels::multiplies_float32() && (kernels::splits_float32() || !is_intel());
  return a == at::kFloat && y == at::kFloat && pays && (beta == 0 || beta == 1);
}

bool by_kernel(const at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta) {
  return a.dim() == 2 && a.numel() > 0 && b.numel() > 0 && have_kernel(y.scalar_type(), a.scalar_type(), beta) && is_dense(a) &&
         is_dense(b) && y.stride(1) == 1;
}

/// As `Matrix` of either kernel, its transpose where `flipped`: without a view of libtorch's.
struct Operand {
  const at::Tensor& tensor;
  bool flipped;
  template <class Matrix>
  operator Matrix() const {
    const auto* data = tensor.data_ptr<std::remove_const_t<std::remove_pointer_t<decltype(Matrix::data)>>>();
    const bool rows = tensor.stride(1) == 1;
    const int64_t row_stride = rows ? tensor.stride(0) : 1, column_stride = rows ? 1 : tensor.stride(1);
    return flipped ? Matrix{data, column_stride, row_stride} : Matrix{data, row_stride, column_stride};
  }
};

// What is read by columns has to be laid out anew before it can be the left operand; of two such, the smaller one is, and
// the product is computed transposed: (a b)^T = b^T a^T.
void multiply_by_kernel(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, const at::Tensor* addend) {
  const bool transposed = a.stride(1) != 1 && a.size(0) > b.size(1);
  const float* added = addend ? addend->data_ptr<float>() : nullptr;
  const int64_t added_stride = addend ? addend->stride(0) : 0;
  const Operand left{transposed ? b : a, transposed}, right{transposed ? a : b, transposed};
  const int64_t rows = transposed ? b.size(1) : a.size(0), columns = transposed ? a.size(0) : b.size(1), inner = a.size(1);
  if (a.scalar_type() == at::kFloat) {
    const kernels::Float32Gemm product{
        y.data_ptr<float>(), y.stride(0), transposed, added, added_stride, left, right, rows, columns, inner};
    if (kernels::splits_float32() && kernels::split_gemm(product)) return;
    return kernels::float32_gemm(product);
  }
  kernels::by_type(y, [&]<class Y>(Y* to) {
    kernels::bfloat16_gemm<Y>({to, y.stride(0), transposed, added, added_stride, left, right, rows, columns, inner});
  });
}

bool is_skinny(const at::Tensor& x) { return x.size(0) <= kernels::kMostSkinnyRows; }

void multiply_skinny(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) {
  kernels::by_types(y, x, [&]<class Y, class X>(Y* to, const X* from) {
    if constexpr (std::is_same_v<Y, float> || std::is_same_v<X, Y>) {
      const kernels::SkinnyGemm<Y, X> product{to, from, w.weight.data_ptr<X>(), x.size(0), x.size(1), y.size(1)};
      w.transposed ? kernels::skinny_gemm_conv1d(product) : kernels::skinny_gemm(product);
    }
  });
}

}  // namespace

bool sums_bfloat16_in_float32() { return kernels::multiplies_bfloat16(); }

void matmul(at::Tensor& y, const at::Tensor& a, const at::Tensor& b, double beta, at::Tensor scratch) {
  if (by_kernel(y, a, b, beta)) return multiply_by_kernel(y, a, b, beta == 0 ? nullptr : &y);
  if (by_onednn(y, a)) return at::native::mkldnn_matmul(a, b, y, static_cast<float>(beta), 1.0f);
  if (y.scalar_type() == a.scalar_type()) return aten::matmul(y, a, b, beta, scratch);
  const Temporaries temporaries;
  if (!scratch.defined()) scratch = temporaries.empty(y.sizes(), a.options());
  at::mm_out(scratch, a, b);
  accumulate(y, scratch, beta);
}

void linear(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) {
  is_skinny(x) ? multiply_skinny(y, x, w) : matmul(y, x, w.in_out(), 0, {});
  if (w.bias.defined()) y.add_(w.bias);
}

void linear_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w, at::Tensor& product) {
  if (is_skinny(x)) {
    multiply_skinny(product, x, w);
    add(y, residual, product);
  } else if (by_kernel(y, x, w.in_out(), 1)) {
    multiply_by_kernel(y, x, w.in_out(), &residual);
  } else {
    matmul(product, x, w.in_out(), 0, {});
    add(y, residual, product);
  }
  if (w.bias.defined()) y.add_(w.bias);
}

void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) {
  for (int64_t row = 0; row < x.size(0); row += kernels::kMostSkinnyRows) {
    const int64_t rows = std::min(kernels::kMostSkinnyRows, x.size(0) - row);
    at::Tensor some_y = y.narrow(0, row, rows);
    multiply_skinny(some_y, x.narrow(0, row, rows), w);
  }
}

}  // namespace hyperfit::cpu
