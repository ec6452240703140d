#pragma once
#include <ATen/core/Tensor.h>

#include "kernels/few_rows_product.h"

namespace hyperfit::kernels {

/// Up to this many rows a product is bound by reading the weights, and this kernel reads them once at the speed of
/// memory; general matrix products are made for more.
constexpr int64_t kFewRows = 64;

/// Whether `few_rows_linear` can take this input: on the CPU, contiguous, both float32 or both bfloat16, 1 to kFewRows rows.
bool is_few_rows(const at::Tensor& x, const at::Tensor& weight);

/// y [rows, out] = x [rows, in] W^T, W [out, in] row-major; of bfloat16 y may be float32. Sums are float32. A row's result
/// does not depend on the other rows: a sequence decodes to the same bits alone and in a batch of up to kFewRows.
void few_rows_linear(at::Tensor& y, const at::Tensor& x, const at::Tensor& weight);

/// The same with W [in, out] row-major, as GPT-2 stores it.
void few_rows_linear_transposed(at::Tensor& y, const at::Tensor& x, const at::Tensor& weight);

/// Columns [first, last) of either, on the calling thread. Any split of the columns gives the same bits.
template <class Y, class X>
void few_rows_columns(const FewRowsProduct<Y, X>& product, int64_t first, int64_t last);
template <class Y, class X>
void few_rows_transposed_columns(const FewRowsProduct<Y, X>& product, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
