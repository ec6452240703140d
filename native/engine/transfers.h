#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <optional>
#include <vector>

#include "ops/buffer.h"

namespace hyperfit {

/// Whether calls only queue their work there, so that the host has to wait for what comes of it: every device but the CPU, and `meta`, on
/// which nothing ever comes.
bool is_queued(at::Device device);

/// Brings ids to a device: all of a call in one copy out of pinned memory, for which nobody waits.
class Upload {
 public:
  explicit Upload(const Ops& ops) : buffer_(ops) {}
  /// `parts`, int64 [any] each and on the host, on `device`: themselves on the CPU, elsewhere in memory that the next call overwrites.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& parts, at::Device device);

 private:
  Buffer buffer_;
};

/// Brings results to the host. What is queued after it was made does not delay it.
class Download {
 public:
  explicit Download(std::vector<at::Tensor> values);
  /// The values on the host, once they are there; those of the CPU are themselves.
  const std::vector<at::Tensor>& wait();

 private:
  std::vector<at::Tensor> host_;
  std::optional<c10::Event> arrived_;
};

/// The same, of one tensor.
at::Tensor to_host(const at::Tensor& values);

}  // namespace hyperfit
