#pragma once
#include <c10/core/CachingDeviceAllocator.h>

#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "memory.h"

namespace guard {

/// Memory set apart for graphs: what is taken from a pool and given back is nobody else's until the pool is released.
class Pools {
 public:
  using Filter = std::function<bool(void* stream)>;

  /// From now on memory that is asked for on a stream of the filter's is the pool's.
  void begin(c10::DeviceIndex device, c10::MempoolId_t pool, Filter filter);
  void end(c10::DeviceIndex device, c10::MempoolId_t pool);
  void release(c10::DeviceIndex device, c10::MempoolId_t pool);

  /// Of a block that was just taken on the current stream.
  void claim(const Allocation* block);
  /// Whether a pool that stands keeps a block that is given back.
  bool keeps(const Allocation* block);

 private:
  using Key = std::pair<c10::DeviceIndex, c10::MempoolId_t>;
  std::mutex mutex_;
  std::map<Key, Filter> open_;
  std::map<Key, std::vector<const Allocation*>> kept_;  // of every pool that stands
  std::map<const Allocation*, Key> owners_;
};

Pools& pools();

}  // namespace guard
