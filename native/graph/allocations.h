#pragma once
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>
#include <memory>

namespace hyperfit {

/// Counts the blocks of device memory that this thread takes while it stands. Allocators tell one listener a thread; whoever listened
/// before is told in turn.
class CountedAllocations {
 public:
  CountedAllocations() : listener_(std::make_shared<Listener>()), on_(kind(), listener_) {}
  int64_t count() const { return listener_->count; }

 private:
  // No constant expression in every series of libtorch.
  static c10::DebugInfoKind kind() { return c10::DebugInfoKind::PROFILER_STATE; }

  struct Listener : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void* block, int64_t size, size_t allocated, size_t reserved, c10::Device device) override {
      if (size > 0 && !device.is_cpu()) ++count;
      if (before != nullptr && before->memoryProfilingEnabled()) before->reportMemoryUsage(block, size, allocated, reserved, device);
    }
    bool memoryProfilingEnabled() const override { return true; }

    c10::MemoryReportingInfoBase* before = static_cast<c10::MemoryReportingInfoBase*>(c10::ThreadLocalDebugInfo::get(kind()));
    int64_t count = 0;
  };
  std::shared_ptr<Listener> listener_;
  c10::DebugInfoGuard on_;
};

}  // namespace hyperfit
