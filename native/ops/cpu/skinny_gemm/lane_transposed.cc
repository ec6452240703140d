#include "ops/cpu/skinny_gemm/lane_transposed.h"

#include <type_traits>

#include "ops/cpu/skinny_gemm/lane_transposed_loops.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/tiles/tile_rows.h"

namespace hyperfit::kernels {
namespace {

// Below, the lanes of rows that are not there cost more than the sums across lanes of those that are. Narrow registers take bfloat16 apart as
// fast along the lanes: only rows that fill their lanes gain, or so many that a cache no longer holds them.
constexpr int64_t kLaneTransposedFrom = 9, kNarrowLaneTransposedFrom = 33, kMostEmptyLanes = 2;

// V vectors of rows in a pass; what a machine has no registers for is not compiled for it.
template <int V, class X>
struct Store {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
    if constexpr (V <= kMostInOnePass<L>) store_all_steps<Singles<L, X>, V>(lanes, x, rows, in, first, last);
  }
};

template <int V, class Y, class X>
struct Multiply {
  template <class L>
  [[gnu::always_inline]] static inline void run(const SkinnyGemm<Y, X>& p, const float* lanes, int64_t first, int64_t last) {
    if constexpr (V <= kMostInOnePass<L>) multiply_all_lane_transposed<Singles<L, X>, V>(p, lanes, first, last);
  }
};

bool has_wide_registers() { return instruction_set() >= InstructionSet::avx512; }

int64_t rows_in_one_pass(int64_t rows) { return has_wide_registers() ? rows : 1; }

}  // namespace

template <class X>
bool pays_to_lane_transpose(int64_t rows, int64_t in) {
  if (std::is_same_v<X, c10::BFloat16> && takes_tile_rows(in)) return row_vectors(rows) <= kMostVectors;
  const bool fills = row_vectors(rows) * kLanes - rows <= kMostEmptyLanes;
  const int64_t from = has_wide_registers() || std::is_same_v<X, float> || fills ? kLaneTransposedFrom : kNarrowLaneTransposedFrom;
  return rows >= from && row_vectors(rows) <= kMostVectors && in % Words<X>::kWidth == 0;
}

template <class X>
int64_t lane_transpose_steps(int64_t in) {
  return in / Words<X>::kWidth;
}

template <class X>
void lane_transpose(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  if constexpr (std::is_same_v<X, c10::BFloat16>) {
    if (takes_tile_rows(in)) return pack_tile_rows(lanes, x, rows, in, first, last);
    if (has_bfloat16_products()) return lane_transpose_pairs(lanes, x, rows, in, first, last);
  }
  by_vectors(rows_in_one_pass(rows), [&]<int V>() { dispatch<Store<V, X>>(lanes, x, rows, in, first, last); });
}

template <class Y, class X>
void lane_transposed_columns(const SkinnyGemm<Y, X>& product, const float* lanes, int64_t first, int64_t last) {
  if constexpr (std::is_same_v<X, c10::BFloat16>) {
    if (takes_tile_rows(product.in)) return tile_row_columns(product, lanes, first, last);
    if (has_bfloat16_products()) return pair_lane_transposed_columns(product, lanes, first, last);
  }
  by_vectors(rows_in_one_pass(product.rows), [&]<int V>() { dispatch<Multiply<V, Y, X>>(product, lanes, first, last); });
}

#define HYPERFIT_LANE_TRANSPOSED(X)                                                       \
  template bool pays_to_lane_transpose<X>(int64_t, int64_t);                                 \
  template int64_t lane_transpose_steps<X>(int64_t);                                        \
  template void lane_transpose(float*, const X*, int64_t, int64_t, int64_t, int64_t); \
  template void lane_transposed_columns(const SkinnyGemm<float, X>&, const float*, int64_t, int64_t);
HYPERFIT_LANE_TRANSPOSED(float)
HYPERFIT_LANE_TRANSPOSED(c10::BFloat16)
#undef HYPERFIT_LANE_TRANSPOSED
template void lane_transposed_columns(const SkinnyGemm<c10::BFloat16, c10::BFloat16>&, const float*, int64_t, int64_t);

}  // namespace hyperfit::kernels
