#pragma once
#include <cstdint>

namespace operator_log {

struct Allocations {
  int64_t count = 0;
  int64_t bytes = 0;
};

/// Allocators report to an object that belongs to a thread. From the first call on a thread they report here, for ever.
void report_allocations_of_this_thread();
/// Starts from 0 or ends, for all threads and devices; gives what was counted before.
Allocations count_allocations(bool enabled);

}  // namespace operator_log
