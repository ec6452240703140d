#include "taken.h"

#include <iterator>

namespace guard {

void Taken::add(const Allocation* block) {
  const std::lock_guard lock(mutex_);
  numbers_.insert(block->number);
  by_face_[reinterpret_cast<uintptr_t>(block->face)] = {block->bytes, block->number};
}

void Taken::remove(const Allocation* block) {
  const std::lock_guard lock(mutex_);
  numbers_.erase(block->number);
  by_face_.erase(reinterpret_cast<uintptr_t>(block->face));
}

bool Taken::has(int64_t number) {
  const std::lock_guard lock(mutex_);
  return numbers_.contains(number);
}

int64_t Taken::at(uintptr_t face) {
  const std::lock_guard lock(mutex_);
  const auto after = by_face_.upper_bound(face);
  if (after == by_face_.begin()) return -1;
  const auto& [first, block] = *std::prev(after);
  return face < first + block.first ? block.second : -1;
}

Taken& taken() {
  static auto* made = new Taken();
  return *made;
}

}  // namespace guard
