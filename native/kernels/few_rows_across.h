#pragma once
#include "kernels/few_rows_product.h"

namespace hyperfit::kernels {

// The few-row product with rows in the lanes: the rows of x are stored across each other, so that one weight, broadcast, multiplies
// sixteen of them, and no sum crosses lanes. Every sum takes the order of the product along the lanes (few_rows_loops.h): each of its
// sixteen lanes is a sum of its own here, and they are added up as there. The bits are the same; from kAcrossFrom rows on it is faster.

constexpr int64_t kAcrossFrom = 9;

/// Whether this machine and these sizes allow it: AVX-512, inputs in whole vectors; for bfloat16 its products of pairs.
template <class X>
bool can_go_across(int64_t rows, int64_t in);

/// Floats of memory for x stored across.
template <class X>
int64_t across_size(int64_t rows, int64_t in);
/// Steps of the storing, which threads may share.
template <class X>
int64_t across_steps(int64_t in);
/// Stores steps [first, last) of x [rows, in].
template <class X>
void store_across(float* across, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last);

/// Columns [first, last) of y = x W^T, x stored across (product.x is not read), on the calling thread.
template <class Y, class X>
void across_columns(const FewRowsProduct<Y, X>& product, const float* across, int64_t first, int64_t last);

}  // namespace hyperfit::kernels
