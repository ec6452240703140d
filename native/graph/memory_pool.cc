#include "graph/memory_pool.h"

#ifdef HYPERFIT_CUDA_POOLS
#include <c10/cuda/CUDACachingAllocator.h>

#include <atomic>
#endif

namespace hyperfit {

#ifdef HYPERFIT_CUDA_POOLS

namespace {

/// libtorch counts its own pools from 1 on.
constexpr uint64_t kOurs = uint64_t{1} << 62;
std::atomic<uint64_t> last_number{0};

using Allocator = c10::cuda::CUDACachingAllocator::CUDAAllocator;

// By its type, so that no other allocator is taken for it: one that somebody has put in its place is of that type too.
Allocator* allocator_of(c10::Device device) { return dynamic_cast<Allocator*>(c10::GetAllocator(device.type())); }

c10::MempoolId_t id_of(uint64_t number) { return {kOurs + number, 0}; }

}  // namespace

std::shared_ptr<MemoryPool> MemoryPool::of(c10::Device device) {
  if (allocator_of(device) == nullptr) return nullptr;
  return std::shared_ptr<MemoryPool>(new MemoryPool(device, ++last_number));
}

// Each use counts for the allocator.
MemoryPool::~MemoryPool() {
  for (; uses_ > 0; --uses_) allocator_of(device_)->releasePool(device_.index(), id_of(number_));
}

MemoryPool::Use::Use(MemoryPool& pool, const c10::Stream& stream) : pool_(pool) {
  const auto of_stream = [handle = static_cast<cudaStream_t>(stream.native_handle())](cudaStream_t asking) { return asking == handle; };
  allocator_of(pool.device_)->beginAllocateToPool(pool.device_.index(), id_of(pool.number_), of_stream);
  pool.uses_ += 1;
}

MemoryPool::Use::~Use() { allocator_of(pool_.device_)->endAllocateToPool(pool_.device_.index(), id_of(pool_.number_)); }

#else

std::shared_ptr<MemoryPool> MemoryPool::of(c10::Device) { return nullptr; }
MemoryPool::~MemoryPool() = default;
MemoryPool::Use::Use(MemoryPool& pool, const c10::Stream&) : pool_(pool) {}
MemoryPool::Use::~Use() = default;

#endif

}  // namespace hyperfit
