#include "pools.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "arena.h"

namespace guard {

void Pools::begin(c10::DeviceIndex device, c10::MempoolId_t pool, Filter filter) {
  const std::lock_guard lock(mutex_);
  open_[{device, pool}] = std::move(filter);
  kept_[{device, pool}];
}

void Pools::end(c10::DeviceIndex device, c10::MempoolId_t pool) {
  const std::lock_guard lock(mutex_);
  open_.erase({device, pool});
}

void Pools::release(c10::DeviceIndex device, c10::MempoolId_t pool) {
  std::vector<const Allocation*> free;
  {
    const std::lock_guard lock(mutex_);
    free = std::move(kept_[{device, pool}]);
    kept_.erase({device, pool});
    std::erase_if(owners_, [&](const auto& owned) { return owned.second == Key(device, pool); });
  }
  for (const Allocation* block : free) {
    arena_of(device).release(block);
    delete block;
  }
}

void Pools::claim(const Allocation* block) {
  const std::lock_guard lock(mutex_);
  if (open_.empty()) return;
  const c10::Stream stream = c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getStream({c10::kPrivateUse1, block->device});
  for (const auto& [key, filter] : open_) {
    if (key.first == block->device && filter(stream.native_handle())) owners_[block] = key;
  }
}

bool Pools::keeps(const Allocation* block) {
  const std::lock_guard lock(mutex_);
  const auto owned = owners_.find(block);
  if (owned == owners_.end()) return false;
  kept_[owned->second].push_back(block);
  owners_.erase(owned);
  return true;
}

Pools& pools() {
  static auto* made = new Pools();
  return *made;
}

}  // namespace guard
