#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "engine/error.h"

namespace hyperfit {

/// Raised by an owner who disposes of an object that work still waits for, or runs on.
class Retirement {
 public:
  explicit Retirement(const char* noun) : noun_(noun) {}
  void retire() { retired_.store(true, std::memory_order_relaxed); }
  /// Throws ERR_DISPOSED once it is.
  void throw_if_retired() const {
    if (!retired_.load(std::memory_order_relaxed)) return;
    throw Error("ERR_DISPOSED",
                std::string("expected the ") + noun_ +
                    " to live until this work was done, got it disposed, which ends its work; await what you asked for before dispose()");
  }

 private:
  const char* noun_;
  std::atomic<bool> retired_{false};
};

/// Flags that another thread may raise while the engine works; read between layers, batches and tokens.
class StopSignals {
 public:
  StopSignals() = default;
  /// `flags[0]` cancels everything, `flags[1 + row]` ends one row of a generation. Memory stays the caller's.
  StopSignals(int32_t* flags, int64_t size, const std::atomic<bool>* stopping, const Retirement* retirement = nullptr)
      : flags_(flags), size_(size), stopping_(stopping), retirement_(retirement) {}

  bool cancelled() const { return raised(0) || (stopping_ && stopping_->load(std::memory_order_relaxed)); }
  bool row_ended(int64_t row) const { return raised(1 + row); }
  void throw_if_cancelled() const {
    if (cancelled()) throw Error("ABORTED", "the operation was cancelled");
    if (retirement_) retirement_->throw_if_retired();
  }

 private:
  bool raised(int64_t index) const {
    return index < size_ && std::atomic_ref<int32_t>(flags_[index]).load(std::memory_order_relaxed) != 0;
  }
  int32_t* flags_ = nullptr;
  int64_t size_ = 0;
  const std::atomic<bool>* stopping_ = nullptr;
  const Retirement* retirement_ = nullptr;  // of an object that the work keeps alive
};

}  // namespace hyperfit
