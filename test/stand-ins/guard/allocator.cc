// The allocator of the guarded devices. It is of the type of libtorch's CUDA allocator, so that who asks that one for memory of a pool asks
// this one by the same calls.
#include "allocator.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include "arena.h"
#include "counts.h"
#include "memory.h"
#include "pools.h"
#include "recorder.h"

namespace guard {
namespace {

using c10::cuda::CUDACachingAllocator::CUDAAllocator;
using c10::DeviceIndex;

[[noreturn]] void nobody_asks() { TORCH_CHECK(false, "guard: a call of the CUDA allocator that this package does not make"); }

void report(const Allocation& block, int64_t bytes) {
  if (!c10::memoryProfilingEnabled()) return;
  const auto total = static_cast<size_t>(arena_of(block.device).stat().current);
  c10::reportMemoryUsageToProfiler(block.face, bytes, total, total, c10::Device(c10::kPrivateUse1, block.device));
}

class GuardAllocator final : public CUDAAllocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device device = c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getDevice();
    if (bytes == 0) return {nullptr, nullptr, [](void*) {}, device};
    Allocation* made = arena_of(device.index()).allocate(bytes);
    pools().claim(made);
    if (!is_replaying()) {
      counts().allocations += 1;
      counts().allocated_bytes += static_cast<int64_t>(bytes);
    }
    report(*made, static_cast<int64_t>(bytes));
    return {made->face, made, &give_back, device};
  }
  void copy_data(void*, const void*, std::size_t) const override { TORCH_CHECK(false, "guard: storages are not cloned by address"); }

  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(DeviceIndex device) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0] = stats.reserved_bytes[0] = stats.active_bytes[0] = arena_of(device).stat();
    return stats;
  }
  void resetAccumulatedStats(DeviceIndex device) override { arena_of(device).reset_accumulated(); }
  void resetPeakStats(DeviceIndex device) override { arena_of(device).reset_peak(); }
  std::pair<size_t, size_t> getMemoryInfo(DeviceIndex device) override {
    const size_t total = memory_of_a_device(), used = static_cast<size_t>(arena_of(device).stat().current);
    return {total - std::min(total, used), total};
  }

  void beginAllocateToPool(DeviceIndex device, c10::MempoolId_t pool, std::function<bool(cudaStream_t)> filter) override {
    pools().begin(device, pool, [filter = std::move(filter)](void* stream) { return filter(static_cast<cudaStream_t>(stream)); });
  }
  void endAllocateToPool(DeviceIndex device, c10::MempoolId_t pool) override { pools().end(device, pool); }
  void releasePool(DeviceIndex device, c10::MempoolId_t pool) override { pools().release(device, pool); }

  void* raw_alloc(size_t) override { nobody_asks(); }
  void* raw_alloc_with_stream(size_t, cudaStream_t) override { nobody_asks(); }
  void raw_delete(void*) override { nobody_asks(); }
  void init(int) override {}
  double getMemoryFraction(DeviceIndex) override { return 1; }
  void setMemoryFraction(double, DeviceIndex) override { nobody_asks(); }
  std::vector<c10::cuda::CUDACachingAllocator::StreamSegmentSize> getExpandableSegmentSizes(DeviceIndex) override { return {}; }
  void enable(bool) override { nobody_asks(); }
  bool isEnabled() const override { return true; }
  void cacheInfo(DeviceIndex, size_t*) override { nobody_asks(); }
  void* getBaseAllocation(void*, size_t*) override { nobody_asks(); }
  void recordStream(const c10::DataPtr&, c10::cuda::CUDAStream) override {}
  c10::cuda::CUDACachingAllocator::SnapshotInfo snapshot(c10::MempoolId_t, bool) override { nobody_asks(); }
  c10::cuda::CUDACachingAllocator::ShareableHandle shareIpcHandle(void*) override { nobody_asks(); }
  std::shared_ptr<void> getIpcDevPtr(std::string) override { nobody_asks(); }
  void recordHistory(bool, c10::CachingDeviceAllocator::CreateContextFn, size_t, c10::CachingDeviceAllocator::RecordContext, bool,
                     const std::vector<std::string>&) override {
    nobody_asks();
  }
  void attachOutOfMemoryObserver(c10::cuda::CUDACachingAllocator::OutOfMemoryObserver) override { nobody_asks(); }
  void attachAllocatorTraceTracker(c10::CachingDeviceAllocator::AllocatorTraceTracker) override { nobody_asks(); }
  void enablePeerAccess(DeviceIndex, DeviceIndex) override { nobody_asks(); }
  cudaError_t memcpyAsync(void*, int, const void*, int, size_t, cudaStream_t, bool) override { nobody_asks(); }
  std::shared_ptr<c10::cuda::CUDACachingAllocator::AllocatorState> getCheckpointState(DeviceIndex, c10::MempoolId_t) override {
    nobody_asks();
  }
  c10::cuda::CUDACachingAllocator::CheckpointDelta setCheckpointPoolState(
      DeviceIndex, std::shared_ptr<c10::cuda::CUDACachingAllocator::AllocatorState>) override {
    nobody_asks();
  }
  std::string name() override { return "guard"; }
};

}  // namespace

void give_back(void* context) {
  auto* block = static_cast<Allocation*>(context);
  report(*block, -static_cast<int64_t>(block->bytes));
  if (pools().keeps(block)) return;
  arena_of(block->device).release(block);
  delete block;
}

c10::DeviceAllocator& device_allocator() {
  static auto* made = new GuardAllocator();
  return *made;
}

}  // namespace guard
