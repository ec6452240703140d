#include "counts.h"

#include <mutex>

namespace guard {
namespace {

struct ByName {
  std::mutex mutex;
  std::map<std::string, int64_t> counts;
};

ByName& by_name() {
  static auto* made = new ByName();
  return *made;
}

}  // namespace

Counts& counts() {
  static auto* made = new Counts();
  return *made;
}

void Counts::reset() {
  for (Transfers* transfers : {&host_to_device, &device_to_host, &between_devices}) transfers->reset();
  for (Count* count : {&scalar_reads, &synchronisations, &allocations, &allocated_bytes, &operators}) *count = 0;
  std::lock_guard lock(by_name().mutex);
  for (auto& [name, count] : by_name().counts) count = 0;  // the names stay: a handler of faults may hold one
}

const std::string& count_operator(const std::string& name) {
  counts().operators += 1;
  std::lock_guard lock(by_name().mutex);
  auto found = by_name().counts.try_emplace(name, 0).first;
  found->second += 1;
  return found->first;
}

std::map<std::string, int64_t> operator_counts() {
  std::lock_guard lock(by_name().mutex);
  std::map<std::string, int64_t> ran = by_name().counts;
  std::erase_if(ran, [](const auto& entry) { return entry.second == 0; });
  return ran;
}

}  // namespace guard
