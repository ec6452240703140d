#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace hyperfit::binding {

/// A JS tensor is a number: the low 20 bits a slot, the bits above a generation, so that a stale handle is
/// recognised and answered with ERR_DISPOSED. Why numbers: a wrapped object costs twice as much per operation, and
/// its memory goes only after a turn of the event loop. Bit 52 marks a tensor of 4 KiB or more, whose JS object is watched
/// (external_memory.h).
using Handle = double;

class TensorTable {
 public:
  /// Takes a reference to `tensor`, gives its handle.
  Handle put(at::Tensor tensor);
  /// Throws Error ERR_DISPOSED for a stale handle, and for a number that never was one.
  const at::Tensor& get(Handle handle) const;
  /// Drops the reference; a second call does nothing. Returns the bytes that were reported for it.
  int64_t release(Handle handle);
  int64_t live_count() const { return live_count_; }
  int64_t live_bytes() const { return live_bytes_; }
  bool is_live(Handle handle) const { return find(handle) != nullptr; }

 private:
  struct Slot {
    at::Tensor tensor;
    int64_t bytes = 0;
    uint32_t generation = 0;
    bool used = false;
  };
  const Slot* find(Handle handle) const;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  int64_t live_count_ = 0;
  int64_t live_bytes_ = 0;
};

}  // namespace hyperfit::binding
