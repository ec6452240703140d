#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hyperfit {

/// A call of the driver that failed: "cuInit", 100, "CUDA_ERROR_NO_DEVICE".
struct DriverError {
  std::string call;
  int code;
  std::string name;
};

/// One card, as the driver counts them: CUDA_VISIBLE_DEVICES has hidden and reordered already.
struct DriverDevice {
  std::string name;
  /// Compute capability, such as 9 and 0.
  int major = 0;
  int minor = 0;
  uint64_t total_bytes = 0;
  /// Only when it was asked for, and the card could be opened.
  std::optional<uint64_t> free_bytes;
  std::optional<DriverError> error;
};

struct CudaDriver {
  /// What the dynamic linker says of a library that cannot be opened; everything else is empty then.
  std::optional<std::string> linker;
  /// The newest CUDA it serves: 13000 for 13.0. Known without a card.
  std::optional<int> version;
  std::optional<DriverError> error;
  std::vector<DriverDevice> devices;
};

/**
 * Asks the NVIDIA driver by its own library, so that nothing is linked to CUDA.
 * `with_memory` opens each card (some 0.3 s and 500 MB of it for as long as it takes), which alone tells how much of it is free.
 * Throws nothing: what failed stands in the answer. https://docs.nvidia.com/cuda/cuda-driver-api
 */
CudaDriver ask_cuda_driver(const std::string& library, bool with_memory);

}  // namespace hyperfit
