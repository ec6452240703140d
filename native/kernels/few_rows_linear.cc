#include "kernels/few_rows_linear.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "kernels/enabled.h"
#include "kernels/few_rows_across.h"
#include "kernels/few_rows_loops.h"
#include "kernels/instruction_set.h"

namespace hyperfit::kernels {
namespace {

constexpr int64_t kProductsPerTask = 1 << 15;

template <class Y, class X>
struct Along {
  template <class L>
  [[gnu::always_inline]] static inline void run(const FewRowsProduct<Y, X>& p, int64_t first, int64_t last) {
    multiply_all_rows<Singles<L, X>>(p, first, last);
  }
};

template <class Y, class X>
void multiply(const FewRowsProduct<Y, X>& p) {
  const int64_t blocks = (p.out + kColumns - 1) / kColumns, steps = across_steps<X>(p.in);
  const bool goes_across = can_go_across<X>(p.rows, p.in);
  std::vector<float> across(goes_across ? across_size(p.rows, p.in) : 0);
  if (goes_across) {
    at::parallel_for(0, steps, std::max<int64_t>(1, kProductsPerTask / (p.rows * p.in / steps)),
                     [&](int64_t begin, int64_t end) { store_across(across.data(), p.x, p.rows, p.in, begin, end); });
  }
  at::parallel_for(0, blocks, std::max<int64_t>(1, kProductsPerTask / (p.in * kColumns)), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kColumns, last = std::min(p.out, end * kColumns);
    if (goes_across) {
      across_columns(p, across.data(), first, last);
    } else {
      few_rows_columns(p, first, last);
    }
  });
}

}  // namespace

bool has_bfloat16_products() { return instruction_set() == InstructionSet::avx512_bf16; }

template <class Y, class X>
void few_rows_columns(const FewRowsProduct<Y, X>& product, int64_t first, int64_t last) {
  if constexpr (std::is_same_v<X, c10::BFloat16>) {
    if (has_bfloat16_products()) return pair_columns(product, first, last);
  }
  dispatch<Along<Y, X>>(product, first, last);
}
template void few_rows_columns(const FewRowsProduct<float, float>&, int64_t, int64_t);
template void few_rows_columns(const FewRowsProduct<float, c10::BFloat16>&, int64_t, int64_t);

bool is_few_rows(const at::Tensor& x, const at::Tensor& weight) {
  return x.size(0) <= kFewRows && takes_alike(x, weight);
}

void few_rows_linear(at::Tensor& y, const at::Tensor& x, const at::Tensor& weight) {
  by_type(x, [&]<class X>(const X* from) {
    by_type(y, [&]<class Y>(Y* to) {
      if constexpr (std::is_same_v<Y, float> || std::is_same_v<X, Y>) {
        multiply(FewRowsProduct<Y, X>{to, from, weight.data_ptr<X>(), x.size(0), x.size(1), weight.size(0)});
      }
    });
  });
}

}  // namespace hyperfit::kernels
