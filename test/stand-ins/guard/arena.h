#pragma once
#include <c10/core/CachingDeviceAllocator.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "memory.h"

namespace guard {

constexpr size_t kArenaBytes = size_t{1} << 35;

/// The memory of a device: a range of faces that stays PROT_NONE for ever, and as large a range behind it.
class Arena {
 public:
  explicit Arena(c10::DeviceIndex device);

  bool holds(uintptr_t address) const { return address >= faces_ && address < faces_ + kArenaBytes; }
  Allocation* allocate(size_t bytes);
  void release(const Allocation* allocation);

  c10::CachingAllocator::Stat stat() const {
    std::lock_guard lock(mutex_);
    return stat_;
  }
  void reset_peak() {
    std::lock_guard lock(mutex_);
    stat_.reset_peak();
  }
  void reset_accumulated() {
    std::lock_guard lock(mutex_);
    stat_.reset_accumulated();
  }

 private:
  void open_up_to(size_t end);
  size_t take(size_t pages, size_t bytes);
  void give(size_t offset, size_t bytes);

  c10::DeviceIndex device_;
  uintptr_t faces_ = 0;
  size_t opened_ = 0;
  mutable std::mutex mutex_;
  std::map<size_t, size_t> free_;  // offset to bytes
  c10::CachingAllocator::Stat stat_;
};

Arena& arena_of(c10::DeviceIndex device);
/// The limit, or all there is.
size_t memory_of_a_device();

}  // namespace guard
