#include "ops/cpu/memory/address_limit.h"

#include <sys/mman.h>
#include <sys/resource.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "engine/error.h"
#include "ops/cpu/memory/memory_limit.h"

namespace hyperfit {
namespace {

// Its collector copies pages before it frees the old ones: as much as the objects take that stand for so many tensors.
constexpr size_t kLeftForV8 = size_t{256} << 20;

bool has_addresses(size_t bytes) {
  void* taken = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (taken == MAP_FAILED) return false;
  munmap(taken, bytes);
  return true;
}

}  // namespace

bool addresses_are_limited() noexcept {
  static const bool limited = [] {
    rlimit limit{};
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  }();
  return limited;
}

void free_addresses_at_once() noexcept {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
#endif
}

void require_addresses(size_t bytes) {
  if (!addresses_are_limited() || has_addresses(bytes + kLeftForV8)) return;
  give_back_freed();
  if (has_addresses(bytes + kLeftForV8)) return;
  throw Error("ERR_OUT_OF_MEMORY",
              "expected addresses for a tensor below the limit of this process, got too few; dispose() what is not needed, or raise the "
              "limit (ulimit -v)");
}

}  // namespace hyperfit
