#include "ops/cpu/skinny_gemm/lane_transposed.h"

#include <type_traits>

#include "ops/cpu/skinny_gemm/lane_transposed_loops.h"
#include "ops/cpu/lanes/instruction_set.h"
#include "ops/cpu/tiles/tile_rows.h"

namespace hyperfit::kernels {
namespace {

// Below, the lanes of rows that are not there cost more than the sums across lanes of those that are.
constexpr int64_t kWideFrom = 9, kNarrowFrom = 5;
// Narrow registers take bfloat16 apart as fast along the lanes: only rows that fill their lanes gain, or so many that a cache no longer
// holds them.
constexpr int64_t kNarrowBFloat16From = 33, kMostEmptyLanes = 2;

bool has_wide_registers() { return instruction_set() >= InstructionSet::avx512; }

/// Rows in a vector where a register holds no more than these.
constexpr int kNarrowRows = 8;

/// As many rows in a vector of L's registers.
template <class L, int Rows>
struct VectorOf;
template <int N, int Rows>
struct VectorOf<LanesOf<N>, Rows> {
  using Lanes = LanesOf<N, Rows>;
};

/// Whether passes of V vectors of so many rows are made with registers such as L's; others are not compiled for them.
template <class L, int V, int Rows>
constexpr bool kIsPass = L::kFit >= 32 ? Rows == kLanes : V == 1;

template <int V, int Rows, class X>
struct Store {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* lanes, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
    if constexpr (kIsPass<L, V, Rows>) {
      store_all_steps<Singles<typename VectorOf<L, Rows>::Lanes, X>, V>(lanes, x, rows, in, first, last);
    }
  }
};

template <int V, int Rows, class Y, class X>
struct Multiply {
  template <class L>
  [[gnu::always_inline]] static inline void run(const SkinnyGemm<Y, X>& p, const float* lanes, int64_t first, int64_t last) {
    if constexpr (kIsPass<L, V, Rows>) {
      multiply_all_lane_transposed<Singles<typename VectorOf<L, Rows>::Lanes, X>, V>(p, lanes, first, last);
    }
  }
};

/// Calls body.operator()<V, Rows>() for the passes that so many rows of X take, of V vectors of Rows.
template <class X, class Body>
void by_passes(int64_t rows, const Body& body) {
  if (has_wide_registers()) return by_vectors(rows, [&]<int V>() { body.template operator()<V, kLanes>(); });
  if constexpr (std::is_same_v<X, float>) {
    if (rows <= kNarrowRows) return body.template operator()<1, kNarrowRows>();
  }
  body.template operator()<1, kLanes>();
}

/// Whether rows in the lanes take less time than inputs there.
template <class X>
bool rows_pay(int64_t rows) {
  if (has_wide_registers()) return rows >= kWideFrom;
  if (std::is_same_v<X, float>) return rows >= kNarrowFrom;
  return rows >= kNarrowBFloat16From || row_vectors(rows) * kLanes - rows <= kMostEmptyLanes;
}

}  // namespace

template <class X>
bool pays_to_lane_transpose(int64_t rows, int64_t in) {
  if (std::is_same_v<X, c10::BFloat16> && takes_tile_rows(in)) return row_vectors(rows) <= kMostVectors;
  return rows_pay<X>(rows) && row_vectors(rows) <= kMostVectors && in % Words<X>::kWidth == 0;
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
  by_passes<X>(rows, [&]<int V, int Rows>() { dispatch<Store<V, Rows, X>>(lanes, x, rows, in, first, last); });
}

template <class Y, class X>
void lane_transposed_columns(const SkinnyGemm<Y, X>& product, const float* lanes, int64_t first, int64_t last) {
  if constexpr (std::is_same_v<X, c10::BFloat16>) {
    if (takes_tile_rows(product.in)) return tile_row_columns(product, lanes, first, last);
    if (has_bfloat16_products()) return pair_lane_transposed_columns(product, lanes, first, last);
  }
  by_passes<X>(product.rows, [&]<int V, int Rows>() { dispatch<Multiply<V, Rows, Y, X>>(product, lanes, first, last); });
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
