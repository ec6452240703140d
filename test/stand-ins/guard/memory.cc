#include "memory.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <map>
#include <mutex>

#include "counts.h"

namespace guard {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kArenaBytes = size_t{1} << 35;
constexpr size_t kGivenBack = size_t{1} << 20;  // freed blocks from here on return their pages to the system
constexpr size_t kOpenedAtOnce = size_t{1} << 26;
constexpr int kPoison = 0xFF;                   // as floats NaN, as integers -1: what nobody wrote shows

size_t round_up(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

/// The memory of a device: a range of faces that stays PROT_NONE for ever, and as large a range behind it.
class Arena {
 public:
  explicit Arena(c10::DeviceIndex device) : device_(device) {
    void* mapped = mmap(nullptr, 2 * kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TORCH_CHECK(mapped != MAP_FAILED, "expected room for the guarded device's addresses, got none");
    faces_ = reinterpret_cast<uintptr_t>(mapped);
    free_[0] = kArenaBytes;
  }

  bool holds(uintptr_t address) const { return address >= faces_ && address < faces_ + kArenaBytes; }

  Allocation* allocate(size_t bytes) {
    const size_t offset = take(round_up(bytes), bytes);
    void* memory = reinterpret_cast<void*>(faces_ + kArenaBytes + offset);
    std::memset(memory, kPoison, bytes);
    c10::Storage host(c10::Storage::use_byte_size_t(), bytes, c10::DataPtr(memory, c10::kCPU), nullptr, /*resizable=*/false);
    return new Allocation{device_, reinterpret_cast<void*>(faces_ + offset), bytes, std::move(host)};
  }

  void release(const Allocation* allocation) {
    const size_t offset = reinterpret_cast<uintptr_t>(allocation->face) - faces_, bytes = round_up(allocation->bytes);
    if (bytes >= kGivenBack) madvise(allocation->host.mutable_data(), bytes, MADV_DONTNEED);
    std::lock_guard lock(mutex_);
    stat_.decrease(allocation->bytes);
    give(offset, bytes);
  }

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
  // Memory behind the faces is asked for as it is needed: some systems count it at once.
  void open_up_to(size_t end) {
    if (end <= opened_) return;
    const size_t until = std::min(kArenaBytes, (end + kOpenedAtOnce - 1) / kOpenedAtOnce * kOpenedAtOnce);
    void* first = reinterpret_cast<void*>(faces_ + kArenaBytes + opened_);
    TORCH_CHECK_WITH(OutOfMemoryError, mprotect(first, until - opened_, PROT_READ | PROT_WRITE) == 0, "guard: out of memory behind the faces");
    opened_ = until;
  }

  // First fit, whole pages: two blocks never share one.
  size_t take(size_t pages, size_t bytes);

  void give(size_t offset, size_t bytes) {
    auto after = free_.lower_bound(offset);
    if (after != free_.end() && offset + bytes == after->first) {
      bytes += after->second;
      after = free_.erase(after);
    }
    if (after != free_.begin()) {
      auto before = std::prev(after);
      if (before->first + before->second == offset) {
        before->second += bytes;
        return;
      }
    }
    free_[offset] = bytes;
  }

  c10::DeviceIndex device_;
  uintptr_t faces_ = 0;
  size_t opened_ = 0;
  mutable std::mutex mutex_;
  std::map<size_t, size_t> free_;  // offset to bytes
  c10::CachingAllocator::Stat stat_;
};

std::atomic<size_t> memory_limit{0};

// Never destroyed: threads outlive main.
std::array<Arena*, kDevices>& arenas() {
  static auto* made = new std::array<Arena*, kDevices>{new Arena(0), new Arena(1)};
  return *made;
}

size_t Arena::take(size_t pages, size_t bytes) {
  std::lock_guard lock(mutex_);
  const size_t limit = memory_limit.load(), used = static_cast<size_t>(stat_.current);
  TORCH_CHECK_WITH(OutOfMemoryError, limit == 0 || used + bytes <= limit, "guard:", static_cast<int>(device_), " out of memory. Tried to allocate ", bytes,
                   " bytes; ", used, " of ", limit, " are taken");
  for (auto block = free_.begin(); block != free_.end(); ++block) {
    if (block->second < pages) continue;
    const auto [offset, size] = *block;
    open_up_to(offset + pages);
    free_.erase(block);
    if (size > pages) free_[offset + pages] = size - pages;
    stat_.increase(bytes);
    return offset;
  }
  TORCH_CHECK_WITH(OutOfMemoryError, false, "guard:", static_cast<int>(device_), " out of memory. Tried to allocate ", bytes, " bytes");
}

void release(void* context) {
  auto* allocation = static_cast<Allocation*>(context);
  const c10::Device device(c10::kPrivateUse1, allocation->device);
  Arena& arena = *arenas()[allocation->device];
  arena.release(allocation);
  if (c10::memoryProfilingEnabled()) {
    const auto total = static_cast<size_t>(arena.stat().current);
    c10::reportMemoryUsageToProfiler(allocation->face, -static_cast<int64_t>(allocation->bytes), total, total, device);
  }
  delete allocation;
}

class GuardAllocator final : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device device = c10::impl::getDeviceGuardImpl(c10::kPrivateUse1)->getDevice();
    if (bytes == 0) return {nullptr, nullptr, &release_nothing, device};
    Arena& arena = *arenas()[device.index()];
    Allocation* made = arena.allocate(bytes);
    counts().allocations += 1;
    counts().allocated_bytes += static_cast<int64_t>(bytes);
    if (c10::memoryProfilingEnabled()) {
      const auto total = static_cast<size_t>(arena.stat().current);
      c10::reportMemoryUsageToProfiler(made->face, static_cast<int64_t>(bytes), total, total, device);
    }
    return {made->face, made, &release, device};
  }
  void copy_data(void*, const void*, std::size_t) const override { TORCH_CHECK(false, "guard: storages are not cloned by address"); }

  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0] = stats.reserved_bytes[0] = stats.active_bytes[0] = arenas()[device]->stat();
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex device) override { arenas()[device]->reset_accumulated(); }
  void resetPeakStats(c10::DeviceIndex device) override { arenas()[device]->reset_peak(); }
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex device) override {
    const size_t limit = memory_limit.load(), total = limit == 0 ? kArenaBytes : limit;
    const auto used = static_cast<size_t>(arenas()[device]->stat().current);
    return {total - std::min(total, used), total};
  }

 private:
  static void release_nothing(void*) {}
};

/// Pinned memory is host memory of which it is remembered that it was asked for.
class PinnedAllocator final : public at::HostAllocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, c10::kCPU};
    void* memory = ::operator new(bytes, std::align_val_t{64});
    std::lock_guard lock(mutex_);
    blocks_[reinterpret_cast<uintptr_t>(memory)] = bytes;
    return {memory, memory, [](void* block) { static_cast<PinnedAllocator&>(pinned_allocator()).release(block); }, c10::kCPU};
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
  bool holds(const void* address) {
    const auto at = reinterpret_cast<uintptr_t>(address);
    std::lock_guard lock(mutex_);
    auto after = blocks_.upper_bound(at);
    return after != blocks_.begin() && at < std::prev(after)->first + std::prev(after)->second;
  }
  bool record_event(void*, void*, c10::Stream) override { return true; }
  void empty_cache() override {}
  at::HostStats get_stats() override { return {}; }
  void reset_accumulated_stats() override {}
  void reset_peak_stats() override {}

 private:
  void release(void* block) {
    {
      std::lock_guard lock(mutex_);
      blocks_.erase(reinterpret_cast<uintptr_t>(block));
    }
    ::operator delete(block, std::align_val_t{64});
  }

  std::mutex mutex_;
  std::map<uintptr_t, size_t> blocks_;
};

}  // namespace

const Allocation* allocation_of(const c10::Storage& storage) {
  const c10::DataPtr& pointer = storage.data_ptr();
  if (pointer.get() == nullptr) return nullptr;
  TORCH_CHECK(pointer.get_deleter() == &release, "guard: expected memory of the guarded device's allocator, got an address from elsewhere");
  return static_cast<const Allocation*>(pointer.get_context());
}

at::Tensor behind(const at::Tensor& tensor) {
  const Allocation* allocation = allocation_of(tensor.storage());
  c10::Storage host = allocation != nullptr
                          ? allocation->host
                          : c10::Storage(c10::Storage::use_byte_size_t(), 0, c10::DataPtr(nullptr, c10::kCPU), nullptr, /*resizable=*/false);
  auto made = c10::make_intrusive<c10::TensorImpl>(std::move(host), c10::DispatchKeySet(c10::DispatchKey::CPU), tensor.dtype());
  made->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  at::Tensor host_tensor(std::move(made));
  if (tensor.is_conj()) host_tensor._set_conj(true);
  if (tensor.is_neg()) host_tensor._set_neg(true);
  return host_tensor;
}

void resize_storage(c10::StorageImpl& storage, size_t bytes) {
  TORCH_CHECK(storage.resizable(), "Trying to resize storage that is not resizable");
  c10::DeviceGuard on(storage.device());
  c10::DataPtr fresh = device_allocator().allocate(bytes);
  const c10::Storage old_storage(c10::intrusive_ptr<c10::StorageImpl>::reclaim_copy(&storage));
  const Allocation* old = allocation_of(old_storage);
  const size_t kept = std::min(bytes, storage.nbytes());
  if (old != nullptr && kept > 0) std::memcpy(static_cast<Allocation*>(fresh.get_context())->host.mutable_data(), old->host.data(), kept);
  storage.set_data_ptr_noswap(std::move(fresh));
  storage.set_nbytes(bytes);
}

int device_at(uintptr_t address) {
  for (int device = 0; device < kDevices; ++device) {
    if (arenas()[device]->holds(address)) return device;
  }
  return -1;
}

void* behind_face(void* face) {
  return device_at(reinterpret_cast<uintptr_t>(face)) < 0 ? nullptr : static_cast<char*>(face) + kArenaBytes;
}

void limit_memory(size_t bytes) { memory_limit = bytes; }

c10::DeviceAllocator& device_allocator() {
  static auto* made = new GuardAllocator();
  return *made;
}

at::HostAllocator& pinned_allocator() {
  static auto* made = new PinnedAllocator();
  return *made;
}

bool is_pinned(const void* address) { return static_cast<PinnedAllocator&>(pinned_allocator()).holds(address); }

}  // namespace guard
