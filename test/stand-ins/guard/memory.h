#pragma once
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <cstdint>

namespace guard {

constexpr c10::DeviceIndex kDevices = 2;

/// One block of device memory. It has two addresses: `face`, which tensors carry and which nobody may touch, and the
/// memory behind it, which operators alone reach through `host`.
struct Allocation {
  c10::DeviceIndex device;
  void* face;
  size_t bytes;
  int64_t number;  // none has another's
  c10::Storage host;
};

/// The block of a tensor's storage; null for storage of no bytes. Throws for memory that this allocator did not give.
const Allocation* allocation_of(const c10::Storage& storage);

/// The number of that block; -1 for storage of no bytes.
int64_t number_of(const at::Tensor& tensor);

/// A CPU tensor over the memory behind a guarded one: same sizes, strides, offset and type. For use inside an operator.
at::Tensor behind(const at::Tensor& tensor);

/// Grows or shrinks a storage; what it held stays.
void resize_storage(c10::StorageImpl& storage, size_t bytes);

/// Whether the block of that number has been taken and not given back, or is set apart in a pool.
bool is_taken(int64_t number);
/// The number of the block that an address lies in, or -1.
int64_t block_at(const void* face);

/// The device whose faces hold this address, or -1; safe in a signal handler.
int device_at(uintptr_t address);

/// The memory behind an address of a guarded device, which operators reach; null for any other address.
void* behind_face(void* face);

/// Bytes that all allocations of a device may take together, for tests of running out; 0 for no limit.
void limit_memory(size_t bytes);

c10::DeviceAllocator& device_allocator();
at::HostAllocator& pinned_allocator();
bool is_pinned(const void* address);

}  // namespace guard
