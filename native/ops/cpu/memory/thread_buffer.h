#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace hyperfit::kernels {

/// Memory that is taken once a thread and kept.
class ThreadBuffer {
 public:
  template <class T>
  T* take(int64_t count) {
    const size_t wanted = static_cast<size_t>(count) * sizeof(T) + kLine;
    if (bytes_.size() < wanted) bytes_ = std::vector<char>(wanted);
    void* at = bytes_.data();
    size_t space = bytes_.size();
    return static_cast<T*>(std::align(kLine, wanted - kLine, at, space));
  }

 private:
  static constexpr size_t kLine = 64;
  std::vector<char> bytes_;
};

}  // namespace hyperfit::kernels
