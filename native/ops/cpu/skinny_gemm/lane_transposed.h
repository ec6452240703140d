#pragma once
#include "ops/cpu/skinny_gemm/product.h"

namespace hyperfit::kernels {

// The skinny product with rows in the lanes: x is transposed in blocks of sixteen rows; one broadcast weight then updates
// sixteen rows without a horizontal add. Every sum takes the order of the product along the lanes (row_major_loops.h): each of its
// sixteen lanes is a sum of its own here, and they are added up as there. The bits are the same; from some rows on it is faster.
// Where there are tiles (tiles/tile_rows.h) and inputs fill them, x is laid out for these instead, for any number of rows.

constexpr int64_t kMostVectors = 4;  // of sixteen rows
inline int64_t row_vectors(int64_t rows) { return (rows + 15) / 16; }

/// Whether it is worth it for so many rows, and these sizes allow it: inputs in whole lanes.
template <class X>
bool pays_to_lane_transpose(int64_t rows, int64_t in);

/// Floats of memory for x transposed, on any machine.
constexpr int64_t lane_transposed_size(int64_t rows, int64_t in) { return (rows + 15) / 16 * 16 * in; }
/// Steps of the transposition, which threads may share.
template <class X>
int64_t lane_transpose_steps(int64_t in);
/// Transposes steps [first, last) of x [rows, in].
template <class X>
void lane_transpose(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last);

/// Columns [first, last) of y = x W^T, x transposed (product.x is not read), on the calling thread.
template <class Y, class X>
void lane_transposed_columns(const SkinnyGemm<Y, X>& product, const float* lanes, int64_t first, int64_t last);

/// Calls body.operator()<V>() for the vectors that so many rows fill.
template <class Body>
void by_vectors(int64_t rows, const Body& body) {
  switch (row_vectors(rows)) {
    case 1: return body.template operator()<1>();
    case 2: return body.template operator()<2>();
    case 3: return body.template operator()<3>();
    default: return body.template operator()<kMostVectors>();
  }
}

}  // namespace hyperfit::kernels
