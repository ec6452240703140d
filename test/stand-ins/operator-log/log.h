#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace operator_log {

using CountsByName = std::map<std::string, int64_t>;

/// What libtorch was asked for between start and stop, on every thread. Operators by name and overload, `aten::mm.out`.
struct Counts {
  CountsByName operators;  // called by our own code, views left out
  CountsByName nested;     // called by another operator, views left out
  CountsByName views;      // called by our own code; they touch no element, but cost host time
  CountsByName copies;     // between devices, by "from>to"
  int64_t launches = 0;      // operators that call none that computes: roughly what a device is asked to run
  int64_t launches_since_read = 0;  // what was queued after the host last waited for values: a scalar read, or a copy to the CPU
  int64_t scalar_reads = 0;  // _local_scalar_dense, at any depth: every `.item()`, whatever it is called
  int64_t allocations = 0;   // as the allocators of all devices report them
  int64_t allocated_bytes = 0;
};

/// Counts from 0. The first call registers the callbacks, which stay for the rest of the process.
void start();
Counts stop();

}  // namespace operator_log
