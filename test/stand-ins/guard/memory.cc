#include "memory.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <cstring>
#include <map>
#include <mutex>

#include "allocator.h"
#include "taken.h"

namespace guard {
namespace {

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
  TORCH_CHECK(pointer.get_deleter() == &give_back,
              "guard: expected memory of the guarded device's allocator, got an address from elsewhere");
  return static_cast<const Allocation*>(pointer.get_context());
}

int64_t number_of(const at::Tensor& tensor) {
  const Allocation* allocation = allocation_of(tensor.storage());
  return allocation == nullptr ? -1 : allocation->number;
}

bool is_taken(int64_t number) { return number < 0 || taken().has(number); }

int64_t block_at(const void* face) { return taken().at(reinterpret_cast<uintptr_t>(face)); }

at::Tensor behind(const at::Tensor& tensor) {
  const Allocation* allocation = allocation_of(tensor.storage());
  c10::Storage host = allocation != nullptr ? allocation->host
                                            : c10::Storage(c10::Storage::use_byte_size_t(), 0, c10::DataPtr(nullptr, c10::kCPU), nullptr,
                                                           /*resizable=*/false);
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

at::HostAllocator& pinned_allocator() {
  static auto* made = new PinnedAllocator();
  return *made;
}

bool is_pinned(const void* address) { return static_cast<PinnedAllocator&>(pinned_allocator()).holds(address); }

}  // namespace guard
