#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <cstdint>

namespace guard {

/// Copies between host and device, or between devices. With `non_blocking` the host's side is deferred until the device
/// is waited for:
/// - to the device, operators see at once what the source held when the copy was asked for; at the wait the source is read
///   again, and what was written to it in between is an error, since a card might have read either;
/// - to the host, the target holds nothing of use (0xFF) until the wait.
void transfer(const at::Tensor& to, const at::Tensor& from, bool non_blocking);

/// The number of the copy that was deferred last, for events.
int64_t last_deferred();

/// Does what was deferred on a stream, up to a copy's number. Counts as a wait. Throws for a source that was written to.
void wait(c10::Stream stream, int64_t up_to = INT64_MAX);
/// The same for all streams of a device.
void wait_for_device(c10::DeviceIndex device);

}  // namespace guard
