#include "engine/huge_pages.h"

#include <ATen/ops/empty.h>

#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace hyperfit {

void ask_for_huge_pages(const at::Tensor& fresh) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (!fresh.is_cpu()) return;
  constexpr uintptr_t kHuge = uintptr_t{1} << 21;
  const auto begin = reinterpret_cast<uintptr_t>(fresh.data_ptr());
  const uintptr_t first = (begin + kHuge - 1) / kHuge * kHuge, last = (begin + fresh.nbytes()) / kHuge * kHuge;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // advice: a refusal costs nothing
#endif
}

at::Tensor huge_zeros(int64_t count, const at::TensorOptions& options) {
  at::Tensor flat = at::empty({count}, options);
  ask_for_huge_pages(flat);
  return flat.zero_();
}

}  // namespace hyperfit
