#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <string>

namespace guard {

using Count = std::atomic<int64_t>;

struct Transfers {
  Count copies{0}, bytes{0};

  void add(int64_t moved) {
    copies += 1;
    bytes += moved;
  }
  void reset() { copies = bytes = 0; }
};

/// What crossed between host and devices, and what was asked of the devices, since the last reset.
struct Counts {
  Transfers host_to_device, device_to_host, between_devices;
  Count scalar_reads{0};      // `_local_scalar_dense`: an `.item()` by any name; not among the copies
  Count synchronisations{0};  // every wait for the device, scalar reads and blocking copies among them
  Count allocations{0}, allocated_bytes{0};
  Count operators{0};

  void reset();
};

Counts& counts();

/// How often each operator ran since the last reset, by `aten::name.overload`.
std::map<std::string, int64_t> operator_counts();
/// Gives the name as it is kept, which lives for ever.
const std::string& count_operator(const std::string& name);

}  // namespace guard
