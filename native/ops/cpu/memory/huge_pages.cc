#include "ops/cpu/memory/huge_pages.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "ops/cpu/memory/allocation_guard.h"

namespace hyperfit {
namespace {

constexpr uintptr_t kHuge = uintptr_t{1} << 21;

uintptr_t round_up(uintptr_t bytes) { return (bytes + kHuge - 1) / kHuge * kHuge; }

#ifdef __linux__
// Fresh memory that begins between huge pages, or null.
void* map_zeros(size_t bytes) {
  void* mapped = mmap(nullptr, bytes + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<uintptr_t>(mapped), first = round_up(begin), end = begin + bytes + kHuge;
  if (first > begin) munmap(mapped, first - begin);
  if (end > first + bytes) munmap(reinterpret_cast<void*>(first + bytes), end - first - bytes);
  return reinterpret_cast<void*>(first);
}
#endif

}  // namespace

void ask_for_huge_pages(const at::Tensor& fresh) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const auto begin = reinterpret_cast<uintptr_t>(fresh.data_ptr());
  const uintptr_t first = round_up(begin), last = (begin + fresh.nbytes()) / kHuge * kHuge;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // advice: a refusal costs nothing
#endif
}

at::Tensor huge_zeros(int64_t count, const at::TensorOptions& options) {
#ifdef __linux__
  const size_t bytes = round_up(static_cast<size_t>(count) * options.dtype().itemsize());
  require_room(bytes);
  if (void* memory = count > 0 ? map_zeros(bytes) : nullptr) {
    at::Tensor flat = at::from_blob(memory, {count}, [bytes](void* mapped) { munmap(mapped, bytes); }, options);
    ask_for_huge_pages(flat);
    take_pages(memory, bytes);
    return flat;
  }
#endif
  return at::zeros({count}, options);
}

}  // namespace hyperfit
