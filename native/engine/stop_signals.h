#pragma once
#include <atomic>
#include <cstdint>

#include "engine/error.h"

namespace hyperfit {

/// Flags that another thread may raise while the engine works; read between layers, batches and tokens.
class StopSignals {
 public:
  StopSignals() = default;
  /// `flags[0]` cancels everything, `flags[1 + row]` ends one row of a generation. Memory stays the caller's.
  StopSignals(int32_t* flags, int64_t size, const std::atomic<bool>* stopping)
      : flags_(flags), size_(size), stopping_(stopping) {}

  bool cancelled() const { return raised(0) || (stopping_ && stopping_->load(std::memory_order_relaxed)); }
  bool row_ended(int64_t row) const { return raised(1 + row); }
  void throw_if_cancelled() const {
    if (cancelled()) throw Error("ABORTED", "the operation was cancelled");
  }

 private:
  bool raised(int64_t index) const {
    return index < size_ && std::atomic_ref<int32_t>(flags_[index]).load(std::memory_order_relaxed) != 0;
  }
  int32_t* flags_ = nullptr;
  int64_t size_ = 0;
  const std::atomic<bool>* stopping_ = nullptr;
};

}  // namespace hyperfit
