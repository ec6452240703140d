#pragma once
#include <c10/core/Stream.h>

#include <cstdint>
#include <memory>

namespace hyperfit {

/// Device memory that nobody else gets: what is taken from it and given back serves whoever takes from it again, and no other, for as long
/// as the pool stands. A graph writes to its temporaries with every replay, long after they have been given back. Graphs that never run at
/// the same time may share a pool, as long as what one of them gives is read before another runs.
class MemoryPool {
 public:
  /// Null where the device's allocator has no pools, or the addon was built without knowing them.
  static std::shared_ptr<MemoryPool> of(c10::Device device);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// While it stands, memory that is asked for on the stream comes from the pool.
  class Use {
   public:
    Use(MemoryPool& pool, const c10::Stream& stream);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    MemoryPool& pool_;
  };

 private:
  MemoryPool(c10::Device device, uint64_t number) : device_(device), number_(number) {}
  c10::Device device_;
  uint64_t number_;
  int uses_ = 0;
};

}  // namespace hyperfit
