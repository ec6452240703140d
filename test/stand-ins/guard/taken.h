#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "memory.h"

namespace guard {

/// Blocks that somebody has, or that a pool keeps.
class Taken {
 public:
  void add(const Allocation* block);
  void remove(const Allocation* block);
  bool has(int64_t number);
  /// The number of the block that an address lies in, or -1.
  int64_t at(uintptr_t face);

 private:
  std::mutex mutex_;
  std::set<int64_t> numbers_;
  std::map<uintptr_t, std::pair<size_t, int64_t>> by_face_;  // bytes and number
};

Taken& taken();

}  // namespace guard
