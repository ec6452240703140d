#include "ops/cpu/memory/address_reserve.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <cstddef>

#include "engine/error.h"

namespace hyperfit {
namespace {

constexpr size_t kReserve = size_t{96} << 20;
std::atomic<void*> reserve{nullptr};

constexpr size_t kLeftForV8 = size_t{64} << 20;

}  // namespace

bool addresses_are_limited() noexcept {
  static const bool limited = [] {
    rlimit limit{};
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  }();
  return limited;
}

void require_addresses(size_t bytes) {
  if (!addresses_are_limited()) return;
  void* taken = mmap(nullptr, bytes + kLeftForV8, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (taken == MAP_FAILED) {
    give_up_reserve();
    throw Error("ERR_OUT_OF_MEMORY", "expected addresses for a tensor below the limit of this process, got too few; dispose() what is not needed, or raise the limit (ulimit -v)");
  }
  munmap(taken, bytes + kLeftForV8);
}

void keep_addresses_in_reserve() noexcept {
  if (!addresses_are_limited() || reserve.load(std::memory_order_relaxed) != nullptr) return;
  // Twice as many must be there, so that V8 is left some.
  void* taken = mmap(nullptr, 2 * kReserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (taken == MAP_FAILED) return;
  munmap(static_cast<char*>(taken) + kReserve, kReserve);
  if (void* before = reserve.exchange(taken)) munmap(before, kReserve);
}

void give_up_reserve() noexcept {
  if (void* taken = reserve.exchange(nullptr)) munmap(taken, kReserve);
}

}  // namespace hyperfit
