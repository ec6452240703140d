#include "arena.h"

#include <c10/core/Device.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "taken.h"

namespace guard {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kGivenBack = size_t{1} << 20;  // freed blocks from here on return their pages to the system
constexpr size_t kOpenedAtOnce = size_t{1} << 26;
constexpr int kPoison = 0xFF;                   // as floats NaN, as integers -1: what nobody wrote shows

size_t round_up(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

std::atomic<int64_t> blocks_so_far{0};
std::atomic<size_t> memory_limit{0};

}  // namespace

Arena::Arena(c10::DeviceIndex device) : device_(device) {
  void* mapped = mmap(nullptr, 2 * kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(mapped != MAP_FAILED, "expected room for the guarded device's addresses, got none");
  faces_ = reinterpret_cast<uintptr_t>(mapped);
  free_[0] = kArenaBytes;
}

Allocation* Arena::allocate(size_t bytes) {
  const size_t offset = take(round_up(bytes), bytes);
  void* memory = reinterpret_cast<void*>(faces_ + kArenaBytes + offset);
  std::memset(memory, kPoison, bytes);
  c10::Storage host(c10::Storage::use_byte_size_t(), bytes, c10::DataPtr(memory, c10::kCPU), nullptr, /*resizable=*/false);
  auto* made = new Allocation{device_, reinterpret_cast<void*>(faces_ + offset), bytes, ++blocks_so_far, std::move(host)};
  taken().add(made);
  return made;
}

void Arena::release(const Allocation* allocation) {
  const size_t offset = reinterpret_cast<uintptr_t>(allocation->face) - faces_, bytes = round_up(allocation->bytes);
  if (bytes >= kGivenBack) madvise(allocation->host.mutable_data(), bytes, MADV_DONTNEED);
  taken().remove(allocation);
  std::lock_guard lock(mutex_);
  stat_.decrease(allocation->bytes);
  give(offset, bytes);
}

// Memory behind the faces is asked for as it is needed: some systems count it at once.
void Arena::open_up_to(size_t end) {
  if (end <= opened_) return;
  const size_t until = std::min(kArenaBytes, (end + kOpenedAtOnce - 1) / kOpenedAtOnce * kOpenedAtOnce);
  void* first = reinterpret_cast<void*>(faces_ + kArenaBytes + opened_);
  TORCH_CHECK_WITH(OutOfMemoryError, mprotect(first, until - opened_, PROT_READ | PROT_WRITE) == 0,
                   "guard: out of memory behind the faces");
  opened_ = until;
}

// First fit, whole pages: two blocks never share one.
size_t Arena::take(size_t pages, size_t bytes) {
  std::lock_guard lock(mutex_);
  const size_t limit = memory_limit.load(), used = static_cast<size_t>(stat_.current);
  TORCH_CHECK_WITH(OutOfMemoryError, limit == 0 || used + bytes <= limit, "guard:", static_cast<int>(device_),
                   " out of memory. Tried to allocate ", bytes, " bytes; ", used, " of ", limit, " are taken");
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

void Arena::give(size_t offset, size_t bytes) {
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

// Never destroyed: threads outlive main.
Arena& arena_of(c10::DeviceIndex device) {
  static auto* made = new std::array<Arena*, kDevices>{new Arena(0), new Arena(1)};
  return *(*made)[device];
}

int device_at(uintptr_t address) {
  for (c10::DeviceIndex device = 0; device < kDevices; ++device) {
    if (arena_of(device).holds(address)) return device;
  }
  return -1;
}

void* behind_face(void* face) {
  return device_at(reinterpret_cast<uintptr_t>(face)) < 0 ? nullptr : static_cast<char*>(face) + kArenaBytes;
}

void limit_memory(size_t bytes) { memory_limit = bytes; }
size_t memory_of_a_device() { return memory_limit == 0 ? kArenaBytes : memory_limit.load(); }

}  // namespace guard
