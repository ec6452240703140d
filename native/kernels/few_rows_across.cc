#include "kernels/few_rows_across.h"

#include <type_traits>

#include "kernels/few_rows_across_loops.h"
#include "kernels/instruction_set.h"

namespace hyperfit::kernels {
namespace {

// Below, the lanes of rows that are not there cost more than the sums across lanes of those that are. Narrow registers multiply bfloat16
// along the lanes at full speed: only many rows, which a cache no longer holds, gain.
constexpr int64_t kAcrossFrom = 9, kNarrowAcrossFrom = 33;

// V vectors of rows in a pass; what a machine has no registers for is not compiled for it.
template <int V, class X>
struct Store {
  template <class L>
  [[gnu::always_inline]] static inline void run(float* across, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
    if constexpr (V <= kMostInOnePass<L>) store_all_steps<Singles<L, X>, V>(across, x, rows, in, first, last);
  }
};

template <int V, class Y, class X>
struct Multiply {
  template <class L>
  [[gnu::always_inline]] static inline void run(const FewRowsProduct<Y, X>& p, const float* across, int64_t first, int64_t last) {
    if constexpr (V <= kMostInOnePass<L>) multiply_all_across<Singles<L, X>, V>(p, across, first, last);
  }
};

bool has_wide_registers() { return instruction_set() >= InstructionSet::avx512; }

int64_t rows_in_one_pass(int64_t rows) { return has_wide_registers() ? rows : 1; }

}  // namespace

template <class X>
bool can_go_across(int64_t rows, int64_t in) {
  const int64_t from = has_wide_registers() || std::is_same_v<X, float> ? kAcrossFrom : kNarrowAcrossFrom;
  return rows >= from && row_vectors(rows) <= kMostVectors && in % Words<X>::kWidth == 0;
}

template <class X>
int64_t across_steps(int64_t in) {
  return in / Words<X>::kWidth;
}

template <class X>
void store_across(float* across, const X* x, int64_t rows, int64_t in, int64_t first, int64_t last) {
  if constexpr (std::is_same_v<X, c10::BFloat16>) {
    if (has_bfloat16_products()) return store_pairs_across(across, x, rows, in, first, last);
  }
  by_vectors(rows_in_one_pass(rows), [&]<int V>() { dispatch<Store<V, X>>(across, x, rows, in, first, last); });
}

template <class Y, class X>
void across_columns(const FewRowsProduct<Y, X>& product, const float* across, int64_t first, int64_t last) {
  if constexpr (std::is_same_v<X, c10::BFloat16>) {
    if (has_bfloat16_products()) return pair_columns_across(product, across, first, last);
  }
  by_vectors(rows_in_one_pass(product.rows), [&]<int V>() { dispatch<Multiply<V, Y, X>>(product, across, first, last); });
}

#define HYPERFIT_ACROSS_OF(X)                                                       \
  template bool can_go_across<X>(int64_t, int64_t);                                 \
  template int64_t across_steps<X>(int64_t);                                        \
  template void store_across(float*, const X*, int64_t, int64_t, int64_t, int64_t); \
  template void across_columns(const FewRowsProduct<float, X>&, const float*, int64_t, int64_t);
HYPERFIT_ACROSS_OF(float)
HYPERFIT_ACROSS_OF(c10::BFloat16)
#undef HYPERFIT_ACROSS_OF
template void across_columns(const FewRowsProduct<c10::BFloat16, c10::BFloat16>&, const float*, int64_t, int64_t);

}  // namespace hyperfit::kernels
