#pragma once
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "memory.h"

namespace guard {

/// What a stream was asked for between the beginning and the end of a capture. Nothing of it ran then: as on a card, memory is as it was. A
/// replay runs all of it, with the addresses and numbers of then.
class Recording {
 public:
  /// `touched` are the blocks that the step reads or writes: numbers of allocations.
  void add(std::vector<int64_t> touched, std::function<void()> run) { steps_.push_back({std::move(touched), std::move(run)}); }
  /// Throws where a step touches memory that has been given back, and belongs to whoever took it since: a card would read and write it.
  void replay() const;

 private:
  struct Step {
    std::vector<int64_t> touched;
    std::function<void()> run;
  };
  std::vector<Step> steps_;
};

/// Captures what this thread asks of a device while that stream is the current one.
void begin_capture(c10::DeviceIndex device, int64_t stream);
/// Null where something was refused meanwhile.
Recording* end_capture();

/// What captures the work that this thread asks of the device, or null.
Recording* capturing(c10::DeviceIndex device);
/// Whether this thread captures at all.
bool is_capturing();
/// Whether a replay runs on this thread: nobody asks for memory then.
bool is_replaying();

/// For what a card refuses while it captures: throws, and the capture has failed.
void refuse_in_capture(const char* what);

}  // namespace guard
