#include "binding/tensor_table.h"

#include <cmath>
#include <utility>

#include "engine/error.h"

namespace hyperfit::binding {
namespace {

constexpr int kSlotBits = 20;
constexpr uint64_t kMaxSlots = uint64_t{1} << kSlotBits;
constexpr uint64_t kLargeBit = uint64_t{1} << 52;  // above 20 bits of slot and 32 of generation
constexpr double kHandleLimit = 9007199254740992.0;  // 2^53
constexpr int64_t kLargeBytes = 4096;

// Sparse tensors and the like have no single block of bytes to count.
int64_t counted_bytes(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided ? static_cast<int64_t>(tensor.nbytes()) : 0;
}

Handle encode(uint32_t slot, uint32_t generation, int64_t bytes) {
  return static_cast<double>((bytes >= kLargeBytes ? kLargeBit : 0) | (uint64_t{generation} << kSlotBits) | slot);
}

}  // namespace

Handle TensorTable::put(at::Tensor tensor) {
  int64_t bytes = counted_bytes(tensor);
  if (free_.empty()) {
    if (slots_.size() >= kMaxSlots) {
      throw Error("ERR_OUT_OF_MEMORY", "expected fewer than " + std::to_string(kMaxSlots) +
                                           " live tensors, got one more; dispose() them, or work inside scope()");
    }
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.tensor = std::move(tensor);
  slot.bytes = bytes;
  slot.used = true;
  slot.generation += 1;  // starts at 1, so that 0 is never a handle
  live_count_ += 1;
  live_bytes_ += bytes;
  return encode(index, slot.generation, bytes);
}

const TensorTable::Slot* TensorTable::find(Handle handle) const {
  if (!(handle >= 0 && handle < kHandleLimit) || std::trunc(handle) != handle) return nullptr;
  const uint64_t bits = static_cast<uint64_t>(handle) & ~kLargeBit;
  uint64_t index = bits & (kMaxSlots - 1);
  if (index >= slots_.size()) return nullptr;
  const Slot& slot = slots_[index];
  return slot.used && slot.generation == bits >> kSlotBits ? &slot : nullptr;
}

const at::Tensor& TensorTable::get(Handle handle) const {
  const Slot* slot = find(handle);
  if (slot == nullptr) {
    throw Error("ERR_DISPOSED", "expected a live tensor, got one that was disposed; keep() or return what a scope() must not free");
  }
  return slot->tensor;
}

int64_t TensorTable::release(Handle handle) {
  auto* slot = const_cast<Slot*>(find(handle));
  if (slot == nullptr) return 0;
  int64_t bytes = slot->bytes;
  slot->tensor.reset();
  slot->used = false;
  slot->bytes = 0;
  live_count_ -= 1;
  live_bytes_ -= bytes;
  free_.push_back(static_cast<uint32_t>(slot - slots_.data()));
  return bytes;
}

}  // namespace hyperfit::binding
