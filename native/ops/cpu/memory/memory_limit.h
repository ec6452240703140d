#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace hyperfit {

/// One cgroup that this process is in, by the files it tells its numbers in (lib/memory-room.ts finds them).
struct MemoryLimit {
  /// Each holds bytes, or "max".
  std::vector<std::string> limits;
  /// Holds the bytes that are taken, what is kept of files included.
  std::string usage;
  /// Lines of a key and bytes.
  std::string statistics;
  /// Keys of what is kept of files, which the system gives back, and of the part of it that programs have open in memory.
  std::vector<std::string> cached;
  std::string mapped;
};

/// From now on, for the process. Any thread.
void set_memory_limits(std::vector<MemoryLimit> limits);
bool memory_is_limited() noexcept;
/// What was freed in small pieces is kept by the C library for the next ones: here the system gets it back.
void give_back_freed() noexcept;
/// Throws ERR_OUT_OF_MEMORY where `bytes` more would not fit below one of the limits: past it the system ends the process. Any thread.
void require_memory(size_t bytes);

}  // namespace hyperfit
