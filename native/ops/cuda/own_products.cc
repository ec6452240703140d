#include "ops/cuda/launch/launch.h"
#include "ops/cuda/own_rows.h"

namespace hyperfit::cuda::own {
namespace {

constexpr const char* kSkinny = "skinny_gemm";
// Beyond these a row costs more in additions than in reading the matrix, and the library's products, which have other units for them, are
// better.
constexpr int64_t kMostRows = 8;
constexpr int64_t kPacked = 8;  // numbers in sixteen bytes
constexpr int64_t kConv1dColumns = 32;

bool is_aligned(const at::Tensor& tensor) { return reinterpret_cast<uintptr_t>(tensor.data_ptr()) % 16 == 0; }

bool takes(const at::Tensor& x, const LinearWeights& w) {
  const int64_t packed = w.transposed ? w.weight.size(1) : x.size(1);  // side by side in a row of W
  return may_launch_from(kSkinny, x.device()) && x.size(0) > 0 && x.size(0) <= kMostRows && is_bfloat16(x) && is_bfloat16(w.weight) &&
         x.is_contiguous() && w.weight.is_contiguous() && packed % kPacked == 0 && is_aligned(x) && is_aligned(w.weight) &&
         (!w.bias.defined() || (w.bias.is_contiguous() && (is_float(w.bias) || is_bfloat16(w.bias))));
}

/// y is float32 or bfloat16; `residual` float32 or undefined.
bool launch(const at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w) {
  if (!takes(x, w) || !y.is_contiguous() || (residual.defined() && !residual.is_contiguous())) return false;
  const at::Tensor none;
  const bool is_single = is_float(y), has_single_bias = w.bias.defined() && is_float(w.bias);
  const Pointer to = data_of(is_single ? y : none), rounded = data_of(is_single ? none : y), before = data_of(residual);
  const Pointer bias = data_of(has_single_bias ? w.bias : none), rounded_bias = data_of(has_single_bias ? none : w.bias);
  const ProductSizes sizes{x.size(0), y.size(1), x.size(1)};
  const at::Device device = x.device();
  const Pointer rows = data_of(x), weight = data_of(w.weight);
#define LAUNCH(kernel, blocks) \
  HYPERFIT_LAUNCH(kSkinny, kernel, device, blocks, to, rounded, before, bias, rounded_bias, rows, weight, sizes)
  if (w.transposed) {
    const int64_t of_row = blocks_for(sizes.out, kConv1dColumns);
    if (sizes.rows == 1) return LAUNCH(skinny_gemm_conv1d_1, of_row);
    return LAUNCH(skinny_gemm_conv1d_4, of_row * blocks_for(sizes.rows, 4));
  }
  const auto blocks = [&](int64_t outputs) { return blocks_for(sizes.out, kThreads / kWarp * outputs); };
  if (sizes.rows == 1) return LAUNCH(skinny_gemm_1, blocks(1));
  if (sizes.rows <= 4) return LAUNCH(skinny_gemm_4, blocks(2));
  return LAUNCH(skinny_gemm_8, blocks(2));
#undef LAUNCH
}

/// sum = residual + product + shift, normed its norm; false: nothing was queued.
bool launch_add_norm(at::Tensor& sum, at::Tensor& normed, const at::Tensor& stats, const at::Tensor& residual, const at::Tensor& product,
                     const at::Tensor& shift, const NormWeights& w) {
  const bool is_layer = w.type == NormType::layer;
  const auto is_vector = [](const at::Tensor& tensor) { return is_float(tensor) && tensor.is_contiguous(); };
  const bool plain = is_vector(sum) && is_vector(residual) && is_vector(stats) && is_plain(normed) && is_plain(product) &&
                     normed.scalar_type() == product.scalar_type() && (!shift.defined() || is_vector(shift)) && is_vector(w.weight) &&
                     (!is_layer || is_vector(w.bias));
  return plain && HYPERFIT_LAUNCH_BY_TYPE("norm", add_norm, product, blocks_for(sum.size(0), 1), data_of(sum), data_of(normed),
                                          data_of(stats), data_of(residual), data_of(product), data_of(shift), data_of(w.weight),
                                          data_of(is_layer ? w.bias : at::Tensor()), w.eps, w.offset, sum.size(0), sum.size(1));
}

}  // namespace

void linear(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) {
  if (!launch(y, /*residual=*/{}, x, w)) libtorch_rows(x.device()).linear(y, x, w);
}

void linear_residual(at::Tensor& y, const at::Tensor& residual, const at::Tensor& x, const LinearWeights& w, at::Tensor& product) {
  if (!launch(y, residual, x, w)) libtorch_rows(x.device()).linear_residual(y, residual, x, w, product);
}

void linear_float32(at::Tensor& y, const at::Tensor& x, const LinearWeights& w) {
  if (!launch(y, /*residual=*/{}, x, w)) libtorch_rows(x.device()).linear_float32(y, x, w);
}

// Few rows: the product adds to the stream itself. Others: the library's product, and what is added on the way to the norm.
void linear_residual_norm(at::Tensor& y, at::Tensor& normed, const at::Tensor& stats, const at::Tensor& residual, const at::Tensor& x,
                          const LinearWeights& w, at::Tensor& product, const NormWeights& norm_weights) {
  if (launch(y, residual, x, w)) return norm(normed, stats, y, norm_weights);
  if (may_launch_from("norm", x.device())) {
    libtorch_rows(x.device()).matmul(product, x, w.in_out(), 0, {});
    if (launch_add_norm(y, normed, stats, residual, product, w.bias, norm_weights)) return;
  }
  libtorch_rows(x.device()).linear_residual(y, residual, x, w, product);
  norm(normed, stats, y, norm_weights);
}

}  // namespace hyperfit::cuda::own
