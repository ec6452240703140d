#include "ops/cpu/memory/allocation_guard.h"

#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "ops/cpu/memory/address_limit.h"
#include "ops/cpu/memory/memory_limit.h"

namespace hyperfit {
namespace {

/// Looking takes some microseconds, less than the system needs for so many pages.
constexpr size_t kLookedAt = size_t{1} << 20;
constexpr uintptr_t kPage = 4096;
constexpr int64_t kPagesAtOnce = (int64_t{32} << 20) / static_cast<int64_t>(kPage);
constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14, which older headers do not name

void take(uintptr_t begin, uintptr_t end) noexcept {
#ifdef __linux__
  if (madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateWrite) == 0 || errno != EINVAL) return;
#endif
  for (uintptr_t at = begin; at < end; at += kPage) *reinterpret_cast<volatile char*>(at) = 0;
}

/// libtorch's own allocator, which is asked only for what there is room for.
class GuardedAllocator final : public c10::Allocator {
 public:
  explicit GuardedAllocator(c10::Allocator* inner) : inner_(inner) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kLookedAt && small_.fetch_add(bytes, std::memory_order_relaxed) + bytes < kLookedAt) return inner_->allocate(bytes);
    small_.store(0, std::memory_order_relaxed);
    require_room(bytes);
    c10::DataPtr fresh = inner_->allocate(bytes);
    if (bytes >= kLookedAt) take_pages(fresh.get(), bytes);
    return fresh;
  }
  bool is_simple_data_ptr(const c10::DataPtr& pointer) const override { return inner_->is_simple_data_ptr(pointer); }
  c10::DeleterFnPtr raw_deleter() const override { return inner_->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { inner_->copy_data(to, from, bytes); }

 private:
  c10::Allocator* inner_;
  std::atomic<size_t> small_{0};
};

}  // namespace

void require_room(size_t bytes) {
  require_addresses(bytes);
  require_memory(bytes);
}

void take_pages(void* memory, size_t bytes) noexcept {
  if (!memory_is_limited()) return;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (address + kPage - 1) / kPage * kPage;
  const int64_t pages = static_cast<int64_t>((std::max(address + bytes, first) - first) / kPage);
  at::parallel_for(0, pages, kPagesAtOnce, [first](int64_t begin, int64_t end) {
    take(first + static_cast<uintptr_t>(begin) * kPage, first + static_cast<uintptr_t>(end) * kPage);
  });
}

void guard_allocations() {
  // Never freed: tensors point to the allocator that made them. Not std::call_once, which asks for a new glibc.
  [[maybe_unused]] static const bool once = [] {
    if (addresses_are_limited()) free_addresses_at_once();
    c10::SetCPUAllocator(new GuardedAllocator(c10::GetCPUAllocator()), 255);
    return true;
  }();
}

}  // namespace hyperfit
